//! Names of people: which words of a name are a given name or a surname, what gender a given name tells, and stand-ins of the same kind.
//!
//! A word is told by itself, not by its place, so that a given name or a surname alone gets the stand-in that it has in the full name.
//! Stand-ins of surnames are made of two parts (`Thornwell`), so that hardly anybody is called so and there are enough of them; their given names are no words of
//! the language.

use super::draw::Draw;

/// A kind of words that stand-ins are drawn for, each with stand-ins of its own kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Part {
    Female,
    Male,
    Surname,
    ZhFemale,
    ZhMale,
    ZhGiven,
    ZhSurname,
    JaFemale,
    JaMale,
    JaGiven,
    JaSurname,
    Kana,
}

impl Part {
    /// The name under which it is drawn.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Surname => "surname",
            Self::ZhFemale => "zh-female",
            Self::ZhMale => "zh-male",
            Self::ZhGiven => "zh-given",
            Self::ZhSurname => "zh-surname",
            Self::JaFemale => "ja-female",
            Self::JaMale => "ja-male",
            Self::JaGiven => "ja-given",
            Self::JaSurname => "ja-surname",
            Self::Kana => "kana",
        }
    }

    /// A stand-in.
    pub(super) fn draw(self, draw: &mut Draw) -> String {
        let two = |draw: &mut Draw, first: &str, second: &str| {
            let (first, second) = (words(first), words(second));
            format!("{}{}", draw.pick(&first), draw.pick(&second))
        };
        let one = |draw: &mut Draw, from: &str| draw.pick(&words(from)).to_owned();
        match self {
            Self::Female => one(draw, FEMALE),
            Self::Male => one(draw, MALE),
            Self::Surname => two(draw, SURNAME_BEGINS, SURNAME_ENDS),
            Self::ZhFemale => two(draw, ZH_FIRST, ZH_FEMALE),
            Self::ZhMale => two(draw, ZH_FIRST, ZH_MALE),
            Self::ZhGiven => two(draw, ZH_FIRST, ZH_EITHER),
            Self::ZhSurname => one(draw, ZH_STAND_INS),
            Self::JaFemale => one(draw, JA_FEMALE),
            Self::JaMale => one(draw, JA_MALE),
            Self::JaGiven => one(draw, JA_EITHER),
            Self::JaSurname => two(draw, JA_BEGINS, JA_ENDS),
            Self::Kana => two(draw, KANA_BEGINS, KANA_ENDS),
        }
    }

    /// Whether it is found by itself in a text, and not only in the whole name.
    pub(super) fn stands_alone(self, word: &str) -> bool {
        let length = word.chars().count();
        match self {
            Self::Female | Self::Male | Self::Surname => length >= 3,
            Self::ZhFemale | Self::ZhMale | Self::ZhGiven => length == 2,
            Self::JaFemale | Self::JaMale | Self::JaGiven | Self::JaSurname => length >= 2,
            Self::Kana => length >= 3,
            // One character is a word of its own everywhere.
            Self::ZhSurname => false,
        }
    }
}

/// Whether it is a word of its language as well: then it is no name wherever it stands.
pub(super) fn is_a_word(word: &str) -> bool {
    has(WORDS, &word.to_lowercase())
}

/// A piece of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// What stays: white space, a title, a particle.
    Stays(String),
    /// An initial, for which another letter stands.
    Initial(char),
    /// A word for which a stand-in stands.
    Word(Part, String),
}

fn words(list: &str) -> Vec<&str> {
    list.split_whitespace().collect()
}

fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|one| one == word)
}

/// The pieces of a name, where it is of a script whose names have stand-ins.
pub(super) fn pieces(name: &str) -> Option<Vec<Piece>> {
    let is_latin =
        |c: char| matches!(c, 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    let letters = || name.chars().filter(|c| c.is_alphanumeric());
    letters().next()?;
    let found = if letters().all(is_latin) {
        latin(name)
    } else if letters().all(is_han) && !letters().any(|c| c == '々') && !is_japanese(name) {
        chinese(name)?
    } else if letters().all(|c| is_han(c) || is_kana(c)) {
        japanese(name)?
    } else {
        return None;
    };
    found.iter().any(|piece| matches!(piece, Piece::Word(..))).then_some(found)
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '々')
}

fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}')
}

/// The part that a word in Latin letters is.
fn latin_part(word: &str) -> Part {
    let word = word.to_lowercase();
    let first = word.chars().next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    let title: String = first.chars().chain(word.chars().skip(1)).collect();
    if has(FEMALE, &title) || has(FEMALE_MORE, &title) {
        Part::Female
    } else if has(MALE, &title) || has(MALE_MORE, &title) {
        Part::Male
    } else {
        Part::Surname
    }
}

fn latin(name: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let inside = |c: char| c.is_alphabetic() == first.is_alphabetic();
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        let count = word.chars().count();
        if !first.is_alphabetic() || has(STAYS, &word.to_lowercase()) {
            out.push(Piece::Stays(word.to_owned()));
        } else if count == 1 && first.is_lowercase() {
            // The end of a possessive, or an elided article.
            out.push(Piece::Stays(word.to_owned()));
        } else if count == 1 {
            out.push(Piece::Initial(first));
        } else {
            out.push(Piece::Word(latin_part(word), word.to_owned()));
        }
    }
    out
}

fn is_japanese(name: &str) -> bool {
    let family: String = name.chars().filter(|c| is_han(*c)).take(2).collect();
    has(JA_SURNAMES, &family)
}

/// Splits off a title with which a name ends.
fn titled<'a>(name: &'a str, titles: &str) -> (&'a str, &'a str) {
    let title = titles
        .split_whitespace()
        .filter(|title| name.ends_with(title) && name.len() > title.len())
        .max_by_key(|t| t.len());
    match title {
        Some(title) => name.split_at(name.len() - title.len()),
        None => (name, ""),
    }
}

fn push_text(out: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        out.push(Piece::Stays(text.to_owned()));
    }
}

fn chinese(name: &str) -> Option<Vec<Piece>> {
    let (own, title) = titled(name, ZH_TITLES);
    let mut out = Vec::new();
    let given = |word: &str| {
        let tells = |list: &str| word.chars().any(|c| list.contains(c));
        let part = match (tells(ZH_FEMALE_SIGNS), tells(ZH_MALE_SIGNS)) {
            (true, false) => Part::ZhFemale,
            (false, true) => Part::ZhMale,
            _ => Part::ZhGiven,
        };
        Piece::Word(part, word.to_owned())
    };
    let (before, own) = match own.strip_prefix(['小', '老', '阿']) {
        Some(rest) if rest.chars().count() == 1 => own.split_at(own.len() - rest.len()),
        _ => ("", own),
    };
    push_text(&mut out, before);
    let two: String = own.chars().take(2).collect();
    let one: String = own.chars().take(1).collect();
    let family = if has(ZH_SURNAMES_2, &two) {
        two
    } else if ZH_SURNAMES.contains(&one) {
        one
    } else {
        String::new()
    };
    let rest = own.get(family.len()..).unwrap_or_default();
    let between: String = rest.chars().take_while(|c| !is_han(*c)).collect();
    let own_given = rest.get(between.len()..).unwrap_or_default();
    let length = own_given.chars().count();
    if own_given.chars().any(|c| !is_han(c)) || length > 2 || family.is_empty() && length != 2 {
        return None;
    }
    if !family.is_empty() {
        out.push(Piece::Word(Part::ZhSurname, family));
    }
    push_text(&mut out, &between);
    if length > 0 {
        out.push(given(own_given));
    }
    push_text(&mut out, title);
    Some(out)
}

fn japanese(name: &str) -> Option<Vec<Piece>> {
    let (own, title) = titled(name, JA_TITLES);
    let mut out = Vec::new();
    let given = |word: &str| {
        let part = if word.chars().all(is_kana) {
            Part::Kana
        } else if word.ends_with(['子', '美', '香', '奈', '恵', '菜', '花', '代', '江', '乃']) {
            Part::JaFemale
        } else if word
            .ends_with(['郎', '男', '夫', '雄', '介', '助', '太', '司', '之', '彦', '樹', '斗', '輔'])
        {
            Part::JaMale
        } else {
            Part::JaGiven
        };
        Piece::Word(part, word.to_owned())
    };
    let family = |word: &str| {
        let part = if word.chars().all(is_kana) { Part::Kana } else { Part::JaSurname };
        Piece::Word(part, word.to_owned())
    };
    let is_letter = |c: char| is_han(c) || is_kana(c) && c != '・';
    if let Some(at) = own.find(|c| !is_letter(c)) {
        let (first, rest) = own.split_at(at);
        let second = rest.trim_start_matches(|c| !is_letter(c));
        let between = rest.get(..rest.len() - second.len()).unwrap_or_default();
        if first.is_empty() || second.is_empty() || second.chars().any(|c| !is_letter(c)) {
            return None;
        }
        out.push(family(first));
        push_text(&mut out, between);
        out.push(given(second));
    } else {
        let length = own.chars().count();
        let kana = own.chars().all(is_kana);
        let cut = if kana || length <= 2 { length } else { 2 };
        let at = own.char_indices().nth(cut).map_or(own.len(), |(at, _)| at);
        let (first, second) = own.split_at(at);
        out.push(family(first));
        if !second.is_empty() {
            out.push(given(second));
        }
    }
    push_text(&mut out, title);
    Some(out)
}

/// Words of names that stay as they are: titles, particles, suffixes.
const STAYS: &str = "mr mrs ms miss mx dr prof professor sir dame lord lady herr frau monsieur madame mme mlle sr sra srta señor señora señorita \
don doña dott signor signora pan pani jr iii van von vom zu der den de del della di da dos das du la le el al bin ibn bint st san ter ten y e and phd md esq";

/// Names that are words.
const WORDS: &str = "will mark grace hope faith may june april august rose art bill bob jack frank drew chase grant miles pat rich rob sue joy dawn ivy \
iris lily daisy violet olive hazel ruby pearl amber crystal angel star summer autumn sky young long day brown green white black gray grey king price love best good \
little small short strong wise bright rich poor cook baker miller smith carter mason page park parks hill hall wood woods field fields banks brooks lake rivers stone \
snow frost winter bush berry cherry gold silver case chance major junior guy dean earl duke sterling victor christian jordan paris london israel \
和平 国庆 建国 建设 建军 文明 光明 胜利 东方 永远 小雨 大海 春天 秋天 阳光 明天 文化 长江 黄河 海洋 天空 英雄 朝阳 解放 平安 如意 安静 文静 高明 明明 公平 团结 丰收 红旗 卫星";

const FEMALE: &str = "Abigail Adele Alice Amelia Anita Audrey Beatrice Bianca Bridget Camilla Carla Caroline Cecilia Celeste Clara Colette \
Cordelia Daphne Delia Diana Dorothea Edith Eleanor Elena Eliza Eloise Estelle Esther Eveline Fiona Frances Freya Gemma \
Greta Gwen Hannah Harriet Helena Henrietta Ida Imogen Ines Ingrid Irene Isabel Joanna Josephine Judith Juliet Lara Laura Leonora Lillian Linnea \
Livia Lorna Louisa Lucia Mabel Marlene Matilda Maud Mira Miranda Miriam Monica Nadia Naomi Nina Nora Ottilie Pauline Philippa \
Phoebe Priscilla Ramona Regina Rosalind Ruth Sabrina Selma Serena Sonia Stella Sylvia Tabitha Tamara Thea Ursula Valerie Vera Winifred Yvonne";

const MALE: &str = "Adrian Albert Alfred Ambrose Anton Archibald Arnold Arthur Barnaby Bernard Blake Boris Bruno Caspar Cecil Cedric Clement Conrad \
Cyril Damian Desmond Dominic Donald Douglas Edgar Edmund Edwin Elias Ernest Ethan Eugene Evan Fabian Felix Ferdinand Francis Frederick Gabriel Gareth \
Gerald Gilbert Godfrey Graham Gregory Gustav Harold Harvey Hector Henry Herbert Horace Hubert Hugo Humphrey Ivan Jasper Jerome Joel Julian \
Kenneth Laurence Leonard Leopold Lionel Lorenzo Lucas Malcolm Marcus Mortimer Nathan Nigel Oliver \
Oswald Quentin Ralph Raymond Reginald Roland Rupert Sebastian Silas Simon Theodore Tobias Ulrich Vincent Walter Wilfred Xavier";

const FEMALE_MORE: &str = "Florence Georgia Gloria Ivy Marina Olive Petra Viola Mary Patricia Linda Barbara Elizabeth Jennifer Maria Susan Margaret Lisa Nancy Karen Betty Helen Sandra Donna Carol Sharon \
Michelle Sarah Kimberly Deborah Jessica Shirley Cynthia Angela Melissa Amy Anna Rebecca Virginia Kathleen Pamela Martha Debra Amanda Stephanie Carolyn Christine \
Marie Janet Catherine Ann Joyce Diane Julie Heather Teresa Doris Evelyn Jean Cheryl Mildred Katherine Joan Ashley Rose Janice Kelly Nicole Judy Christina Kathy \
Theresa Beverly Denise Tammy Jane Lori Rachel Andrea Marilyn Kathryn Louise Sara Anne Jacqueline Wanda Bonnie Julia Ruby Lois Tina Phyllis Norma Paula Annie Emily \
Robin Peggy Crystal Gladys Rita Dawn Connie Tracy Edna Tiffany Carmen Rosa Cindy Grace Wendy Victoria Sherry Thelma Shannon Sheila Ellen Elaine Marjorie Charlotte \
Pauline Emma Juanita Rhonda Hazel Amber Eva Debbie April Leslie Joanne Danielle Megan Alicia Suzanne Michele Gail Bertha Darlene Veronica Jill Erin Geraldine Lauren \
Cathy Lorraine Lynn Sally Erica Dolores Bernice Yvonne Annette June Samantha Marion Dana Stacy Ana Renee Vivian Roberta Holly Brittany Melanie Loretta Yolanda Olivia \
Sophia Sophie Isabella Mia Chloe Ella Zoe Lily Lucy Katie Kate Claire Alexandra Natalie Natasha Priya Fatima Aisha Ayesha Leila Layla Yasmin Zara Nadine Sabine Katja Anja \
Silke Heike Claudia Chiara Giulia Francesca Valentina Lucía Sofía Sofia Camila Valeria Gabriela Daniela Adriana Mónica Beatriz Raquel Pilar Inés Élodie Amélie Chloé Manon Camille Margot \
Agnieszka Katarzyna Małgorzata Zofia Magdalena Joanna Svetlana Olga Irina Tatiana Ekaterina Ingeborg Astrid Sigrid Maja Elsa Freja";

const MALE_MORE: &str = "Frank Howard Lambert Magnus Martin Maxwell Miles Norman Oscar Percy Stanley Victor James John Robert Michael William David Richard Charles Joseph Thomas Christopher Daniel Paul Mark George Steven Edward Brian Ronald Anthony \
Kevin Jason Matthew Gary Timothy Jose José Larry Jeffrey Scott Eric Stephen Andrew Joshua Jerry Dennis Patrick Peter Carl Ryan Roger Joe Juan Jack Jonathan Justin \
Terry Keith Samuel Willie Lawrence Nicholas Roy Benjamin Bruce Brandon Adam Harry Fred Wayne Billy Steve Louis Jeremy Aaron Randy Carlos Russell Bobby Phillip Todd Jesse \
Craig Alan Shawn Clarence Sean Philip Chris Johnny Earl Jimmy Antonio Danny Bryan Tony Luis Mike Nathan Dale Manuel Rodney Curtis Allen Marvin Glenn Travis Jeff Chad Jacob \
Lee Melvin Kyle Bradley Jesus Ray Eddie Ricky Troy Randall Barry Alexander Mario Leroy Francisco Micheal Clifford Miguel Jay Jim Tom Calvin Alex Jon Ronnie Bill Lloyd Tommy Leon \
Derek Warren Darrell Floyd Leo Alvin Tim Wesley Gordon Dean Greg Jorge Dustin Pedro Derrick Dan Lewis Zachary Corey Herman Maurice Vernon Roberto Noah Liam Mason Logan Jackson Owen Luke \
Mohammed Mohamed Muhammad Ahmed Ali Omar Hassan Hussein Ibrahim Yusuf Raj Rahul Amit Sanjay Vikram Arjun Hans Klaus Jürgen Wolfgang Stefan Andreas Matthias Markus Tobias Lukas Jonas Felix \
Pierre Jacques Philippe Nicolas Antoine Julien Mathieu François Giuseppe Giovanni Marco Luca Matteo Francesco Alessandro Andrea Javier Alejandro Diego Sergio Fernando Ricardo Rafael Pablo Álvaro \
Piotr Krzysztof Andrzej Tomasz Paweł Marcin Michał Jan Stanisław Ivan Sergei Dmitri Alexei Nikolai Vladimir Lars Sven Erik Anders Nils Bjørn Olav";

const SURNAME_BEGINS: &str = "Ald Ashb Bram Brock Carl Cald Chels Cold Cros Dall Den Ell Elm Fair Farn Fen Glad Glen Hal Had Hart Haz Hol Ings Kel Kend Lang \
Lind Lock Mal Marl Mel Mer Nor Oak Orm Pend Pem Quar Rad Ram Row Rush Sel Shel Stan Stav Thorn Trent Wad Wal Wend Wex Whit Wil Win Wyn Yar";
const SURNAME_ENDS: &str = "bourne brook by combe cott croft dell grave hurst leigh mere mond more ridge shaw stead stoke thorpe wald wick worth";

/// Characters of surnames, each a surname.
const ZH_SURNAMES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍覃霍翁隋甘景单包司柏宁柯阮桂闵解强柴华车冉房边吉饶瞿戚丘古米池滕晋苑臧宫来苟全褚廉简娄盖符奚木穆党燕郎冀谈姬屠连晏栾郁商蒙计喻窦迟宇敖冷卓花仇艾蓝都佟栗应\
張劉陳楊趙黃吳孫羅鄭謝韓馮蕭鄧許呂蘇盧蔣賈葉閻鐘譚鄒陸龍錢湯喬賀龔龐蘭顏嚴溫蘆魯韋畢聶叢齊莊關費紀項衛鮑單閔車饒";
const ZH_SURNAMES_2: &str = "欧阳 歐陽 端木 上官 司马 司馬 东方 東方 独孤 南宫 夏侯 诸葛 諸葛 尉迟 皇甫 濮阳 申屠 公孙 公孫 慕容 钟离 长孙 宇文 司徒 司空 令狐 轩辕 百里 呼延 东郭 西门 纳兰 完颜";
const ZH_TITLES: &str = "先生 女士 小姐 太太 老师 老師 教授 医生 醫生 主任 经理 經理 总经理 总监 总 總 局长 处长 科长 院长 校长 律师 博士 同学 同志 师傅 工";
const ZH_FEMALE_SIGNS: &str = "娜婷芳丽麗艳艷玲娟霞燕妮娇嬌媛婉婧嫣姗珊琳莉莎萍蓉薇薰蕾菲芬芸茜莲蓮菊兰花香秀珍淑慧惠妍妹姐姝姣娥婵婷雯雪梅桂凤鳳倩怡瑶琼";
const ZH_MALE_SIGNS: &str = "伟偉强強军軍刚剛勇毅峰锋鋒涛濤斌彬鹏鵬飞飛龙龍虎豪杰傑雄武斌刚磊鑫坚堅柱栋棟梁超建国國志浩宏辉輝亮震雷铁鐵钢鋼庆慶贵贵富海波";
const ZH_STAND_INS: &str = "林 沈 顾 韩 苏 叶 秦 江 陆 程 薛 温 邵 魏 贺 乔 裴 傅 陶 祁 纪 凌 阮 莫 柯 甄 霍 佟 蒋 潘 姚 谭 廖 邹 郝 康 邱 侯 孟 尹 黎 樊 殷 翟 倪";
const ZH_FIRST: &str =
    "知 予 沐 景 云 清 亦 星 书 若 澄 听 念 初 怀 望 鹤 乐 思 之 言 时 明 禾 映 墨 子 令 简 锦";
const ZH_FEMALE: &str = "妤 岚 瑾 茉 薇 霏 娴 芷 汐 琬 蔓 萱 姝 婵 黛 菀 漪 绮 苒 嬅";
const ZH_MALE: &str = "川 珩 煜 衡 骁 琛 屿 祁 澈 柏 轩 峥 铮 栩 恺 翊 骞 烨 朗 霆";
const ZH_EITHER: &str = "然 安 舟 宁 溪 辰 言 禾 熙 和 恒 阳 遥 桐 昭 渝 洲 澜 霁 樾";

const JA_TITLES: &str = "さん 様 さま 氏 くん 君 ちゃん 先生 殿 部長 課長 社長";
const JA_SURNAMES: &str = "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々 山口 松本 井上 木村 斎藤 斉藤 清水 山崎 阿部 池田 橋本 山下 石川 中島 前田 藤田 後藤 小川 岡田 村上 長谷 近藤 石井 \
遠藤 青木 坂本 藤井 西村 福田 太田 三浦 藤原 岡本 松田 中川 中野 原田 小野 田村 竹内 金子 和田 中山 石田 上田 森田 柴田 酒井 工藤 横山 宮崎 宮本 内田 高木 安藤 谷口 大野 丸山 今井 高田 藤本 武田 村田 上野 杉山 増田 平野 \
大塚 千葉 久保 松井 小島 岩崎 桜井 野口 松尾 野村 木下 菊地 菊池 佐野 大西 杉本 新井 浜田 市川 古川 水野 小松 島田 小山 高野 吉川 山内 西田 渡邊 渡部 服部 川口 川崎 本田 福島 樋口 飯田 秋山 浅野";
const JA_BEGINS: &str = "柏 霧 雪 月 楓 榊 鷺 碧 苑 槙 椿 樫 蘆 鴻 茅 梓 葦 朝 夕 露";
const JA_ENDS: &str = "原 崎 沢 岡 野 川 谷 倉 津 瀬 森 浜 越 屋";
const JA_FEMALE: &str =
    "千尋 琴音 雫花 紗良 美月 詩織 若葉 小夜 瑞穂 彩芽 桃香 澄江 文乃 結衣 鈴音 真帆 実花 茜子 理央 楓子";
const JA_MALE: &str =
    "蒼太 隼人 悠真 大河 律斗 晴彦 冬樹 圭介 慎吾 陽太 拓海 直哉 涼介 颯太 湊斗 航平 誠司 遼河 景虎 征四郎";
const JA_EITHER: &str =
    "千晶 真琴 薫平 悠里 湊海 光希 朝陽 泉水 翼沙 歩夢 瑞希 晶良 一葉 昴流 潤音 渚月 柊希 暁海";
const KANA_BEGINS: &str = "タカ ミズ カツ ハル フユ ナギ シオ トキ ユズ アオ イワ クレ";
const KANA_ENDS: &str = "ハラ サキ ノセ シマ オカ ズミ ガワ ムラ ナミ ネル";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_names_are_told_by_themselves() {
        let parts = |name: &str| -> Vec<(Part, String)> {
            pieces(name)
                .into_iter()
                .flatten()
                .filter_map(|piece| match piece {
                    Piece::Word(part, word) => Some((part, word)),
                    Piece::Stays(_) | Piece::Initial(_) => None,
                })
                .collect()
        };
        let one = |part, word: &str| (part, word.to_owned());
        assert_eq!(
            parts("Dr. Margaret J. Thornbury"),
            [one(Part::Female, "Margaret"), one(Part::Surname, "Thornbury")]
        );
        assert_eq!(parts("JOHN O'Neil")[0], one(Part::Male, "JOHN"));
        assert_eq!(parts("王小明"), [one(Part::ZhSurname, "王"), one(Part::ZhGiven, "小明")]);
        assert_eq!(parts("欧阳娜娜"), [one(Part::ZhSurname, "欧阳"), one(Part::ZhFemale, "娜娜")]);
        assert_eq!(parts("李先生"), [one(Part::ZhSurname, "李")]);
        assert_eq!(parts("小王"), [one(Part::ZhSurname, "王")]);
        assert_eq!(parts("张 伟"), [one(Part::ZhSurname, "张"), one(Part::ZhMale, "伟")]);
        assert_eq!(parts("田中花子さん"), [one(Part::JaSurname, "田中"), one(Part::JaFemale, "花子")]);
        assert_eq!(parts("タナカ"), [one(Part::Kana, "タナカ")]);
        for other in ["김철수", "Иван Петров", "12", "..."] {
            assert_eq!(pieces(other), None, "{other}");
        }
    }

    #[test]
    fn every_piece_together_is_the_name() {
        for name in ["Dr. Margaret J. Thornbury", "王小明", "李先生", "田中 花子さん", "Jean-Luc d'Arc"]
        {
            let all: String = pieces(name)
                .into_iter()
                .flatten()
                .map(|piece| match piece {
                    Piece::Stays(text) | Piece::Word(_, text) => text,
                    Piece::Initial(c) => c.to_string(),
                })
                .collect();
            assert_eq!(all, name);
        }
    }
}
