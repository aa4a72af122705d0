//! Text for the benches: made-up chat and word lists, the same for everybody and nobody's words.

/// A small generator of random numbers (xorshift64*, Vigna 2016): the same figures on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }

    fn of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.below(words.len())]
    }
}

/// Common words come often, as they do in speech: half of the picks are from the first eighth.
fn pick<'w>(random: &mut Random, words: &[&'w str]) -> &'w str {
    if random.below(2) == 0 { random.of(&words[..words.len() / 8]) } else { random.of(words) }
}

/// About `length` bytes of chat, half of it English and half Chinese, in messages of a few sentences.
pub fn chat(length: usize, seed: u64) -> String {
    chat_in(length, seed, None)
}

/// The same in one language: Chinese or not; in both where it is not said.
pub fn chat_in(length: usize, seed: u64, chinese_alone: Option<bool>) -> String {
    let (english, chinese): (Vec<&str>, Vec<&str>) =
        (ENGLISH.split_whitespace().collect(), CHINESE.split_whitespace().collect());
    let mut random = Random::new(seed);
    let mut text = String::with_capacity(length + 512);
    while text.len() < length {
        // A Chinese message is as many bytes as an English one.
        let in_chinese = chinese_alone.unwrap_or_else(|| random.below(2) == 0);
        for _ in 0..=random.below(4) {
            sentence(&mut random, if in_chinese { &chinese } else { &english }, in_chinese, &mut text);
        }
        text.push('\n');
    }
    text.truncate(text.floor_char_boundary(length));
    text
}

fn sentence(random: &mut Random, words: &[&str], in_chinese: bool, text: &mut String) {
    let length = 5 + random.below(14);
    for place in 0..length {
        let word = pick(random, words);
        match place {
            0 if !in_chinese => {
                let mut letters = word.chars();
                text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                text.push_str(letters.as_str());
            }
            _ => text.push_str(word),
        }
        if place + 1 == length {
            break;
        }
        match (random.below(40), in_chinese) {
            (0..3, false) => text.push_str(", "),
            (0..3, true) => text.push('，'),
            (3, _) => text.extend([" ", &random.below(400).to_string(), " "]),
            (4, false) => text.push('-'),
            (5, false) => text.push_str("'s "),
            (4, true) => text.push_str(" OK "),
            (_, false) => text.push(' '),
            (_, true) => {}
        }
    }
    text.push_str(match (random.below(6), in_chinese) {
        (0, false) => "? ",
        (0, true) => "？",
        (1, false) => "! ",
        (1, true) => "！",
        (_, false) => ". ",
        (_, true) => "。",
    });
}

/// `count` different terms for a list: English of two to four syllables, Chinese of two to four characters, every
/// tenth English one a phrase. By chance some stand in the text.
pub fn terms(count: usize, seed: u64) -> Vec<String> {
    const ONSETS: [&str; 32] = [
        "b", "br", "c", "ch", "cl", "cr", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p",
        "pl", "pr", "qu", "r", "s", "sh", "sl", "st", "t", "tr", "v", "w", "z",
    ];
    const RHYMES: [&str; 40] = [
        "a", "ab", "ack", "ad", "al", "am", "an", "ar", "as", "at", "e", "ed", "el", "en", "er", "es", "et",
        "i", "ic", "id", "il", "im", "in", "is", "it", "o", "ock", "ol", "on", "or", "ot", "ow", "u", "ub",
        "ug", "ull", "um", "un", "up", "us",
    ];
    let characters: Vec<char> = CHINESE.chars().filter(|c| !c.is_whitespace()).collect();
    let mut random = Random::new(seed);
    let mut known = std::collections::HashSet::new();
    let mut terms = Vec::with_capacity(count);
    while terms.len() < count {
        let mut term = String::new();
        if random.below(2) == 0 {
            for _ in 0..2 + random.below(3) {
                term.push(characters[random.below(characters.len())]);
            }
        } else {
            let words = 1 + usize::from(random.below(10) == 0);
            for word in 0..words {
                if word > 0 {
                    term.push(' ');
                }
                for _ in 0..2 + random.below(3) {
                    term.push_str(random.of(&ONSETS));
                    term.push_str(random.of(&RHYMES));
                }
            }
        }
        if known.insert(term.clone()) {
            terms.push(term);
        }
    }
    terms
}

/// Common words first.
const ENGLISH: &str = "the to and of a in is it you that for on with this be are have not can was as we do at but they i or if so what will from \
    there an my all would about how when your one which more just out like time up no get than some them other could see only make then know \
    now think good also people any very who want much first here way use two really thing because need work even take should well look back \
    over where after most go something our right still find their going new day many lot come give before through down same being year though \
    sure too long off own help again around might point another always place part never every since change maybe better different question \
    problem enough against least both little few life case great anything while number fact probably already course start last end kind home \
    world school state family student group country company system program hand room mother area money story month book word business issue \
    side house service friend father power hour game line member law car city community name president team minute idea body information \
    nothing ago lead social understand whether watch together follow parent stop face level office door health person art war history party \
    result morning reason research girl guy moment air teacher force education food river summer water bridge garden kitchen window letter \
    paper music morning evening coffee market street village forest mountain weather winter spring autumn ticket station train flight \
    airport holiday weekend birthday doctor nurse engineer farmer painter writer singer driver builder baker report meeting project budget \
    schedule deadline customer supplier contract invoice payment account balance interest mortgage insurance pension salary bonus career \
    interview résumé café naïve software hardware keyboard monitor printer server network database function variable pointer compiler \
    library package version release feature branch commit review deploy container cluster backup restore password username browser website \
    download upload message channel thread stream packet header cookie session token button dialog banner layout picture camera \
    battery charger speaker headphone microphone satellite telescope microscope laboratory experiment hypothesis theory evidence \
    conclusion measurement temperature pressure velocity acceleration gravity electron neutron molecule chemistry biology physics \
    geometry algebra calculus statistics probability distribution average median variance regression correlation";

/// Common words first.
const CHINESE: &str = "的 我 你 是 了 不 在 有 这 他 我们 就 也 都 说 要 和 一个 到 会 上 很 去 可以 没有 什么 那 人 自己 能 好 看 来 得 想 吗 这个 时候 知道 \
    怎么 因为 所以 如果 但是 还是 已经 可能 现在 大家 觉得 问题 时间 工作 学习 生活 朋友 老师 学生 公司 今天 明天 昨天 早上 晚上 中午 孩子 父母 家里 学校 \
    医院 银行 超市 商店 饭店 餐厅 公园 图书馆 地铁 公交车 火车 飞机 机场 车站 城市 农村 国家 世界 中国 北京 上海 广州 深圳 天气 下雨 晴天 春天 夏天 秋天 \
    冬天 温度 吃饭 喝水 睡觉 起床 跑步 游泳 唱歌 跳舞 画画 看书 写字 音乐 电影 电视 手机 电脑 网络 软件 程序 数据 代码 文件 系统 服务器 浏览器 网站 密码 \
    用户 账户 登录 注册 下载 上传 搜索 分享 评论 点赞 关注 消息 通知 邮件 会议 报告 项目 计划 预算 合同 客户 供应商 市场 销售 价格 质量 产品 设计 生产 测试 \
    发布 维护 支持 帮助 建议 意见 方法 办法 原因 结果 影响 作用 关系 情况 条件 环境 机会 挑战 目标 成功 失败 经验 能力 水平 技术 科学 研究 实验 理论 分析 \
    比较 总结 历史 文化 艺术 语言 汉语 英语 数学 物理 化学 生物 地理 政治 经济 法律 社会 教育 健康 医生 护士 病人 药品 治疗 检查 手术 运动 比赛 足球 篮球 \
    乒乓球 冠军 旅游 酒店 护照 签证 行李 地图 风景 照片 礼物 生日 节日 春节 中秋节 国庆节 结婚 爱情 家庭 房子 装修 家具 厨房 客厅 卧室 阳台 花园 小狗 小猫 \
    鸟 鱼 树 花 草 山 河 湖 海 天空 太阳 月亮 星星 红色 蓝色 绿色 白色 黑色 大 小 高 低 长 短 快 慢 新 旧 多 少 远 近 早 晚 冷 热 甜 苦 开心 难过 生气 担心 \
    害怕 奇怪 重要 简单 复杂 方便 安全 危险 便宜 贵 漂亮 聪明 努力 认真 热情 友好 安静 热闹 干净 健忘 谢谢 对不起 没关系 再见 你好 请问 为什么 多少 哪里 谁 \
    然后 而且 或者 虽然 其实 当然 一定 应该 必须 需要 愿意 希望 相信 记得 忘记 发现 认为 认识 了解 理解 解决 决定 选择 改变 开始 结束 继续 停止 准备 完成";
