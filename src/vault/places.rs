//! Addresses and organisations that are made up, in the words of their script.

use super::draw::Draw;

/// A stand-in for an address; none in a script for which there are no words here.
pub(super) fn address(text: &str, draw: &mut Draw) -> Option<String> {
    let has = |range: std::ops::RangeInclusive<char>| text.chars().any(|c| range.contains(&c));
    let number = 1 + draw.below(980);
    if has('\u{3040}'..='\u{30ff}')
        || text.contains(['県', '丁', '番'])
        || ["東京都", "大阪府", "京都府", "北海道"].iter().any(|place| text.contains(place))
    {
        let (city, town) = (
            draw.pick(&["霧原市", "榊野市", "碧沢市", "葦崎市", "鷺沼町"]),
            draw.pick(&["朝霧台", "若苑", "椿坂", "雪見", "月見橋"]),
        );
        return Some(format!(
            "{city}{town}{}-{}-{}",
            1 + draw.below(5),
            1 + draw.below(30),
            1 + draw.below(20)
        ));
    }
    if has('\u{4e00}'..='\u{9fff}') {
        let city = draw.pick(&["云泽市", "临澜市", "望川市", "清禾市", "沐阳新城", "星渚市"]);
        let district = draw.pick(&["桐语区", "松岚区", "映湖区", "鹤鸣区", "澄江新区"]);
        let road =
            draw.pick(&["梧桐里路", "听涛路", "云锦街", "望舒路", "采薇街", "知秋路", "清漪路", "揽月街"]);
        let room = if text.contains(['室', '单', '栋', '楼', '座']) {
            format!("{}栋{}室", 1 + draw.below(20), 101 + draw.below(1800))
        } else {
            String::new()
        };
        return Some(format!("{city}{district}{road}{number}号{room}"));
    }
    if text.chars().any(|c| c.is_alphabetic() && !matches!(c, 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}')) {
        return None;
    }
    let street = format!(
        "{}{}",
        draw.pick(&[
            "Alder", "Birken", "Cedar", "Dove", "Elder", "Fallow", "Garnet", "Hollow", "Linden", "Marsh",
            "Otter", "Quarry", "Rowan", "Silver", "Thistle", "Willow"
        ]),
        draw.pick(&["brook", "croft", "field", "ford", "gate", "leigh", "mere", "wick"]),
    );
    let kind = draw.pick(&["Street", "Avenue", "Road", "Lane"]);
    let town = draw.pick(&[
        "Fenwold",
        "Harrowmere",
        "Kestwick",
        "Lowbridge",
        "Marlstead",
        "Norvale",
        "Ostermouth",
        "Penhallow",
    ]);
    Some(if text.contains(',') {
        format!("{number} {street} {kind}, {town}")
    } else {
        format!("{number} {street} {kind}")
    })
}

const SUFFIXES: [&str; 44] = [
    "股份有限公司",
    "有限责任公司",
    "科技有限公司",
    "有限公司",
    "集团",
    "公司",
    "大学",
    "学院",
    "医院",
    "银行",
    "研究院",
    "研究所",
    "中学",
    "小学",
    "事务所",
    "基金会",
    "株式会社",
    "病院",
    "Holdings",
    "Group",
    "Corporation",
    "Corp.",
    "Corp",
    "Incorporated",
    "Inc.",
    "Inc",
    "Limited",
    "Ltd.",
    "Ltd",
    "LLC",
    "LLP",
    "PLC",
    "GmbH",
    "AG",
    "S.A.",
    "S.p.A.",
    "B.V.",
    "University",
    "Hospital",
    "Bank",
    "Institute",
    "Foundation",
    "College",
    "Partners",
];

/// A stand-in for an organisation, with the word for what it is.
pub(super) fn organisation(text: &str, draw: &mut Draw) -> Option<String> {
    let chinese = text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let latin =
        text.chars().all(|c| !c.is_alphabetic() || matches!(c, 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}'));
    if !chinese && !latin {
        return None;
    }
    let suffix = SUFFIXES
        .iter()
        .filter(|suffix| text.ends_with(**suffix) && text.len() > suffix.len())
        .max_by_key(|s| s.len());
    let suffix = suffix.copied().unwrap_or_default();
    let stem = if chinese {
        format!(
            "{}{}",
            draw.pick(&["云泽", "澜川", "禾映", "珩舟", "沐岚", "星渚", "鹤汀", "清漪", "昭远", "骁屿"]),
            draw.pick(&["同创", "远景行", "众禾", "启程", "博川", "润泽源", "恒序", "瀚文"])
        )
    } else {
        format!(
            "{}{}",
            draw.pick(&[
                "Alder", "Brim", "Cald", "Dor", "Ever", "Fen", "Gal", "Hax", "Iver", "Kest", "Lor", "Mar",
                "Nor", "Orr", "Pell", "Quill"
            ]),
            draw.pick(&[
                "amark", "brell", "cott", "dyne", "etta", "lane", "mond", "nova", "rane", "ster", "vex",
                "wyn"
            ])
        )
    };
    let space = if chinese || suffix.is_empty() { "" } else { " " };
    Some(format!("{stem}{space}{suffix}"))
}
