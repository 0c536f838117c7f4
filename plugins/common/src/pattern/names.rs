//! The names of categories and scripts that Go knows, in any spelling that differs in case, `_`, `-` and spaces alone.

/// Categories by their short names.
const CATEGORIES: &str =
    "C Cc Cf Cn Co Cs L LC Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs";

/// Categories by their long names, and by the three that POSIX has, each with the short one.
const LONG_NAMES: &str = "cntrl=Cc digit=Nd punct=P casedletter=LC closepunctuation=Pe combiningmark=M connectorpunctuation=Pc control=Cc \
    currencysymbol=Sc dashpunctuation=Pd decimalnumber=Nd enclosingmark=Me finalpunctuation=Pf format=Cf initialpunctuation=Pi letter=L \
    letternumber=Nl lineseparator=Zl lowercaseletter=Ll mark=M mathsymbol=Sm modifierletter=Lm modifiersymbol=Sk nonspacingmark=Mn number=N \
    openpunctuation=Ps other=C otherletter=Lo othernumber=No otherpunctuation=Po othersymbol=So paragraphseparator=Zp privateuse=Co \
    punctuation=P separator=Z spaceseparator=Zs spacingmark=Mc surrogate=Cs symbol=S titlecaseletter=Lt unassigned=Cn uppercaseletter=Lu";

/// Scripts of Unicode 15.
const SCRIPTS: &str = "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi \
    Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot \
    Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic \
    Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited \
    Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki \
    Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi \
    Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari \
    Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic \
    Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician \
    Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese \
    Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto \
    Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square";

/// What a name stands for, within a class.
pub fn class(name: &str) -> Option<String> {
    let wanted = plain(name);
    let is_wanted = |known: &&str| plain(known) == wanted;
    match wanted.as_str() {
        "any" => return Some("\\x00-\\x{10FFFF}".to_owned()),
        "ascii" => return Some("\\x00-\\x7F".to_owned()),
        "assigned" => return Some("\\P{Cn}".to_owned()),
        _ => {}
    }
    let long = LONG_NAMES.split_whitespace().filter_map(|pair| pair.split_once('='));
    let short = CATEGORIES.split(' ').find(is_wanted);
    let category = short.or_else(|| long.into_iter().find(|(known, _)| *known == wanted).map(|(_, short)| short));
    match category {
        // Halves of pairs in UTF-16: no text has them.
        Some("Cs") => Some(super::class::NOTHING.to_owned()),
        Some(category) => Some(format!("\\p{{gc={category}}}")),
        None => SCRIPTS.split_whitespace().find(is_wanted).map(|script| format!("\\p{{sc={script}}}")),
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|character| !matches!(character, '_' | '-' | ' ')).map(|one| one.to_ascii_lowercase()).collect()
}
