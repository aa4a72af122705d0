//! Signs that stand for others: what looks alike, what sounds alike, what a character falls into.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Letters of other scripts that look like Latin ones.
const LETTERS: &str = "aа cс eе hһ iі jј oо pр sѕ xх yу AА BВ CС EЕ HН KК MМ OО PР TТ XХ";

/// Characters that look like Chinese ones; the last are radicals with code points of their own.
const SHAPES: &str = "冰氷 毒毐 炸怍 弹殚 药葯 枪抢 刀刁 钱线 赌睹 博搏 骗遍 偷愉 盗盇 抢枪 杀刹 制剬 造诰 \
    何可 怎乍 教敎 码妈 密蜜 破玻 解觧 入人 侵浸 黑墨 网罔 站玷 号兮 银很 行衍 贷货 伪仂 假暇 证征 件伴 身射 份扮 逃挑 税悦 \
    爆瀑 炮泡 烧绕 燃然 硝消 硫流 酸悛 铁佚 钢纲 铅沿 末未 己已 日曰 土士 干千 天夭 白自 今令 午牛 代伐 待侍 很狠 方万 法怯 手毛 \
    情清 性姓 色邑 裸棵 淫婬 暴瀑 恐巩 怖布 袭龚 击缶 政攻 府俯 推堆 翻番 颠巅 覆履 煽搧 谣遥 言訁 虚虎 传转 播潘 拐捌 绑梆 架驾 勒勤 \
    索素 走赴 私和 武斌 器噐 自⾃ 女⼥ 子⼦ 小⼩ 心⼼ 水⽔ 火⽕ 用⽤ 生⽣ 大⼤ 力⼒ 口⼝ 儿⼉ 工⼯ 马⻢ 车⻋ 见⻅ 贝⻉ 门⻔ \
    的旳 你伱 我莪 是昰 不卟 么庅 好恏 人⼈ 国囯 男侽 出岀 没沒 说説 对対 样様 真眞 高髙 来耒 时旹 黄黃 强強 群羣 一⼀ 民⺠ 月⽉ 木⽊ 山⼭ 金⾦ \
    长⻓ 风⻛ 飞⻜ 食⾷ 目⽬ 石⽯ 立⽴ 老⽼ 肉⾁ 血⾎ 角⻆ 谷⾕ 足⾜ 辛⾟ 里⾥ 青⻘ 非⾮ 面⾯ 鬼⻤ 龙⻰ 八⼋ 十⼗ 又⼜ 文⽂ 父⽗ 犬⽝ 户⼾ 气⽓";

/// What characters fall into, left to right or from above.
const PARTS: &str = "炸火乍 弹弓单 冰冫水 枪木仓 药艹约 赌贝者 骗马扁 钱钅戋 银钅艮 码石马 破石皮 解角刀牛 毒主母 造辶告 如女口 何亻可 做亻故 \
    作亻乍 怎乍心 样木羊 教孝攵 请讠青 诉讠斥 告牛口 你亻尔 他亻也 她女也 们亻门 给纟合 绑纟邦 架加木 偷亻俞 抢扌仓 打扌丁 劫去力 盗次皿 \
    贩贝反 购贝勾 资次贝 货化贝 财贝才 赚贝兼 账贝长 洗氵先 法氵去 海氵每 洞氵同 黑里灬 客宀各 家宀豕 安宀女 字宀子 信亻言 任亻壬 代亻弋 \
    伪亻为 体亻本 住亻主 便亻更 传亻专 侮亻每 仇亻九 份亻分 件亻牛 行彳亍 很彳艮 往彳主 待彳寺 徒彳走 说讠兑 话讠舌 语讠吾 词讠司 证讠正 识讠只 \
    诈讠乍 谎讠荒 谁讠隹 论讠仑 记讠己 计讠十 让讠上 详讠羊 谣讠䍃 细纟田 级纟及 组纟且 织纟只 终纟冬 线纟戋 绕纟尧 纸纟氏 烧火尧 烟火因 燃火然 \
    爆火暴 炮火包 灯火丁 烂火兰 烈列灬 热执灬 照昭灬 煮者灬 恐巩心 怖忄布 惧忄具 恨忄艮 情忄青 性忄生 怪忄圣 想相心 思田心 忘亡心 您你心 意音心 \
    感咸心 息自心 恶亚心 悲非心 机木几 材木才 林木木 村木寸 板木反 构木勾 检木佥 校木交 棒木奉 模木莫 械木戒 标木示 相木目 枝木支 树木对 桥木乔 \
    铁钅失 钢钅冈 钥钅月 针钅十 铜钅同 硝石肖 矿石广 碎石卒 确石角 硬石更 砍石欠 别另刂 到至刂 利禾刂 则贝刂 刻亥刂 刑开刂 列歹刂 创仓刂 判半刂 \
    副畐刂 剂齐刂 割害刂 剥录刂 种禾中 私禾厶 秘禾必 程禾呈 税禾兑 租禾且 稳禾急 好女子 妈女马 姐女且 妹女未 奶女乃 娘女良 奸女干 姓女生 婚女昏 \
    孩子亥 男田力 胁月办 胖月半 脏月庄 脱月兑 朋月月 明日月 时日寸 昨日乍 晚日免 暗日音 星日生 早日十 吃口乞 吸口及 吗口马 呢口尼 吧口巴 吐口土 \
    喝口曷 喷口贲 吓口下 叛半反 咬口交 唱口昌 哪口那 吵口少 呼口乎 味口未 咖口加 啡口非 地土也 城土成 坏土不 埋土里 址土止 坑土亢 填土真 境土竟 \
    江氵工 河氵可 油氵由 汽氵气 液氵夜 混氵昆 酒氵酉 清氵青 消氵肖 治氵台 活氵舌 沙氵少 泄氵世 酸酉夋 醇酉享 醉酉卒 配酉己 饭饣反 饮饣欠 饱饣包 \
    路足各 跑足包 跟足艮 踪足宗 跳足兆 踢足易 距足巨 现王见 理王里 玩王元 球王求 环王不 眼目艮 睡目垂 睛目青 盯目丁 盲亡目 视礻见 神礻申 社礻土 \
    初衤刀 被衤皮 裤衤库 狗犭句 猫犭苗 狼犭良 狂犭王 独犭虫 问门口 间门日 闻门耳 闭门才 闯门马 国囗玉 园囗元 因囗大 困囗木 囚囗人 边辶力 这辶文 \
    还辶不 进辶井 远辶元 近辶斤 迷辶米 逃辶兆 送辶关 过辶寸 运辶云 选辶先 适辶舌 通辶甬 速辶束 道辶首 违辶韦 遗辶贵 避辶辟 连辶车 迫辶白 递辶弟 \
    队阝人 防阝方 阳阝日 阴阝月 院阝完 险阝佥 除阝余 都者阝 邮由阝 鸡又鸟 鲜鱼羊 顶丁页 项工页 顺川页 领令页 题是页 验马佥 驾加马 驶马史 骑马奇 \
    驱马区 转车专 软车欠 输车俞 轨车九 较车交 强弓虽 张弓长 功工力 动云力 助且力 加力口 勒革力 劝又力 欢又欠 欺其欠 歌哥欠 欲谷欠 改己攵 放方攵 \
    政正攵 故古攵 效交攵 救求攵 攻工攵 取耳又 双又又 对又寸 观又见 难又隹 职耳只 射身寸 躲身朵 粉米分 精米青 糖米唐 站立占 章立早 音立日 李木子 \
    查木旦 香禾日 和禾口 出山山 分八刀 公八厶 会人云 从人人 众人人人 袭龙衣 击二山 推扌隹 翻番羽 覆覀复 煽火扇 播扌番 拐扌另 武一弋止 器口口犬口口";

/// Letters that others make up.
const STROKES: [(char, &str); 6] =
    [('m', "rn"), ('w', "vv"), ('d', "cl"), ('k', "|<"), ('h', "|-|"), ('n', "|\\|")];

/// Small letters turned upside down, `a` to `z`.
const TURNED: &str = "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz";

/// Letters as they sound, longer ones first.
const SOUNDS: [(&str, &str); 20] = [
    ("tion", "shun"),
    ("ough", "off"),
    ("you", "yoo"),
    ("igh", "y"),
    ("ph", "f"),
    ("ck", "k"),
    ("qu", "kw"),
    ("wh", "w"),
    ("wr", "r"),
    ("th", "d"),
    ("er", "ur"),
    ("kn", "n"),
    ("ea", "ee"),
    ("ce", "se"),
    ("ci", "si"),
    ("ch", "tch"),
    ("x", "ks"),
    ("c", "k"),
    ("mb", "m"),
    ("ow", "au"),
];

fn pairs(table: &str) -> HashMap<char, &str> {
    let words = table.split_whitespace();
    words
        .filter_map(|pair| Some((pair.chars().next()?, pair.get(pair.chars().next()?.len_utf8()..)?)))
        .collect()
}

static ALIKE: LazyLock<HashMap<char, &str>> = LazyLock::new(|| {
    let mut all = pairs(SHAPES);
    all.extend(pairs(LETTERS));
    all
});

static APART: LazyLock<HashMap<char, &str>> = LazyLock::new(|| {
    let mut all = pairs(PARTS);
    all.extend(STROKES);
    all
});

static READINGS: LazyLock<HashMap<char, &str>> = LazyLock::new(|| {
    let lines = include_str!("pinyin.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .flat_map(|(reading, characters)| characters.chars().map(move |one| (one, reading)))
        .collect()
});

/// Each sign with what looks like it.
pub(super) fn alike(text: &str) -> String {
    replaced(text, &ALIKE)
}

/// Each sign with what it falls into.
pub(super) fn apart(text: &str) -> String {
    replaced(text, &APART)
}

fn replaced(text: &str, by: &HashMap<char, &str>) -> String {
    let mut out = String::new();
    for one in text.chars() {
        match by.get(&one) {
            Some(other) => out.push_str(other),
            None => out.push(one),
        }
    }
    out
}

/// Chinese characters as they are read, words of letters as they sound.
pub(in crate::cli) fn sounds(text: &str) -> String {
    let mut out = String::new();
    let mut was_reading = false;
    for one in text.chars() {
        let reading = READINGS.get(&one);
        if let Some(reading) = reading {
            if !out.is_empty() && !out.ends_with(char::is_whitespace) {
                out.push(' ');
            }
            out.push_str(reading);
        } else {
            if was_reading && one.is_alphanumeric() {
                out.push(' ');
            }
            out.push(one);
        }
        was_reading = reading.is_some();
    }
    if out != text {
        return out;
    }
    let small = text.to_lowercase();
    let mut rest = small.as_str();
    let mut heard = String::new();
    while let Some(first) = rest.chars().next() {
        let (sound, len) = match SOUNDS.iter().find(|(written, _)| rest.starts_with(written)) {
            Some((written, sound)) => ((*sound).to_owned(), written.len()),
            None => (first.to_string(), first.len_utf8()),
        };
        heard.push_str(&sound);
        rest = rest.get(len..).unwrap_or_default();
    }
    // Small letters alone hide nothing.
    if heard == small { text.to_owned() } else { heard }
}

/// Letters upside down, and read from behind.
pub(super) fn turned(text: &str) -> String {
    let turn = |one: char| match one {
        'a'..='z' => TURNED.chars().nth(usize::from(one as u8 - b'a')).unwrap_or(one),
        '?' => '¿',
        '!' => '¡',
        _ => one,
    };
    text.to_lowercase().chars().rev().map(turn).collect()
}

/// Digits in place of some letters of words of three letters and more, as people write them; what stands in a word's first place stays.
pub(super) fn leet(text: &str) -> String {
    let digit = |one: char| match one.to_ascii_lowercase() {
        'a' => '4',
        'e' => '3',
        'i' => '1',
        'o' => '0',
        _ => one,
    };
    let word = |word: &str| match word.chars().filter(char::is_ascii_alphabetic).count() {
        0..3 => word.to_owned(),
        _ => word.chars().enumerate().map(|(n, one)| if n == 0 { one } else { digit(one) }).collect(),
    };
    text.split(' ').map(word).collect::<Vec<String>>().join(" ")
}

/// Letters, digits and signs of ASCII as wide ones.
pub(super) fn wide(text: &str) -> String {
    let widen = |one: char| match one {
        '!'..='~' => char::from_u32(u32::from(one) + 0xFEE0).unwrap_or(one),
        _ => one,
    };
    text.chars().map(widen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_stand_for_others() {
        for (made, want) in [
            (alike("pipe bomb"), "ріре bоmb"),
            (alike("毒药"), "毐葯"),
            (apart("bomb"), "bornb"),
            (apart("炸弹"), "火乍弓单"),
            (sounds("如何做炸弹"), "ru he zuo zha dan"),
            (sounds("制作bomb"), "zhi zuo bomb"),
            (sounds("Mix the explosive"), "miks de eksplosive"),
            (sounds("No"), "No"),
            (turned("Bomb?"), "¿qɯoq"),
            (wide("bomb 1"), "ｂｏｍｂ １"),
            (leet("make a pipe bomb at home"), "m4k3 a p1p3 b0mb at h0m3"),
        ] {
            assert_eq!(made, want);
        }
    }

    #[test]
    fn tables_hold_what_they_should() {
        assert_eq!(READINGS.len(), 3755);
        assert!(APART.len() > 300 && ALIKE.len() > 120, "{} {}", APART.len(), ALIKE.len());
        assert_eq!(TURNED.chars().count(), 26);
        for (table, least) in [(SHAPES, 1), (LETTERS, 1), (PARTS, 2)] {
            for pair in table.split_whitespace() {
                let mut signs = pair.chars();
                let first = signs.next();
                let rest: Vec<char> = signs.collect();
                assert!(rest.len() >= least && !rest.contains(&first.unwrap_or_default()), "{pair}");
            }
        }
    }
}
