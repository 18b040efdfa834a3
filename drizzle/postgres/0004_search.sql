-- What full-text search looks in: a row per record, kept by triggers so that whatever writes records keeps it.
-- It follows from the other tables and is never copied.
--
-- Words as SQLite's FTS5 tells them apart (unicode61, remove_diacritics 2), whatever the locale of the server: in
-- lower case, without diacritics. Lengths of text that is ASCII alone are compared first, because that is quick.
CREATE FUNCTION search_fold(given text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
  folded text := lower(given COLLATE "C");
BEGIN
  IF octet_length(folded) = char_length(folded) THEN RETURN folded; END IF;
  IF folded ~ '[\u00b5-\u017f]' THEN
    folded := translate(folded, 'µÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞàáâãäåçèéêëìíîïñòóôõöùúûüýÿĀāĂăĄąĆćĈĉĊċČčĎďĐĒēĔĕĖėĘęĚěĜĝĞğĠġĢģĤĥĦĨĩĪīĬĭĮįİĲĴĵĶķĹĺĻļĽľĿŁŃńŅņŇňŊŌōŎŏŐőŒŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŦŨũŪūŬŭŮůŰűŲųŴŵŶŷŸŹźŻżŽžſ', 'μaaaaaaæceeeeiiiiðnoooooøuuuuyþaaaaaaceeeeiiiinooooouuuuyyaaaaaaccccccccddđeeeeeeeeeegggggggghhħiiiiiiiiiĳjjkkllllllŀłnnnnnnŋooooooœrrrrrrssssssssttttŧuuuuuuuuuuuuwwyyyzzzzzzs');
  END IF;
  IF folded ~ '[\u0181-\u024e]' THEN
    folded := translate(folded, 'ƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƠơƢƤƦƧƩƬƮƯưƱƲƳƵƷƸƼǄǅǇǈǊǋǍǎǏǐǑǒǓǔǕǖǗǘǙǚǛǜǞǟǠǢǤǦǧǨǩǪǫǬǭǮǰǱǲǴǵǶǷǸǹǺǻǼǾȀȁȂȃȄȅȆȇȈȉȊȋȌȍȎȏȐȑȒȓȔȕȖȗȘșȚțȜȞȟȠȢȤȦȧȨȩȪȫȬȭȮȯȰȱȲȳȺȻȽȾɁɃɄɅɆɈɊɌɎ', 'ɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵooƣƥʀƨʃƭʈuuʊʋƴƶʒƹƽǆǆǉǉǌǌaaiioouuuuuuuuuuaaǡǣǥggkkooooǯjǳǳggƕƿnnaaǽǿaaaaeeeeiiiioooorrrruuuussttȝhhƞȣȥaaeeooooooooyyⱥȼƚⱦɂƀʉʌɇɉɋɍɏ');
  END IF;
  IF folded ~ '[\u0370-\u03ff]' THEN
    folded := translate(folded, 'ͰͲͶΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫςϏϐϑϕϖϘϚϜϞϠϢϤϦϨϪϬϮϰϱϴϵϷϹϺϽϾϿ', 'ͱͳͷάέήίόύώαβγδεζηθικλμνξοπρστυφχψωϊϋσϗβθφπϙϛϝϟϡϣϥϧϩϫϭϯκρθεϸϲϻͻͼͽ');
  END IF;
  IF folded ~ '[\u0400-\u0556]' THEN
    folded := translate(folded, 'ЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѶѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӁӃӅӇӉӋӍӐӒӔӖӘӚӜӞӠӢӤӦӨӪӬӮӰӲӴӶӸӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖ', 'ѐёђѓєѕіїјљњћќѝўџабвгдежзийклмнопрстуфхцчшщъыьэюяѡѣѥѧѩѫѭѯѱѳѵѷѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӂӄӆӈӊӌӎӑӓӕӗәӛӝӟӡӣӥӧөӫӭӯӱӳӵӷӹӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ');
  END IF;
  IF folded ~ '[\u10a0-\u10cd]' THEN
    folded := translate(folded, 'ႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍ', 'ⴀⴁⴂⴃⴄⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭ');
  END IF;
  IF folded ~ '[\u1e00-\u1efe]' THEN
    folded := translate(folded, 'ḀḁḂḃḄḅḆḇḈḉḊḋḌḍḎḏḐḑḒḓḔḕḖḗḘḙḚḛḜḝḞḟḠḡḢḣḤḥḦḧḨḩḪḫḬḭḮḯḰḱḲḳḴḵḶḷḸḹḺḻḼḽḾḿṀṁṂṃṄṅṆṇṈṉṊṋṌṍṎṏṐṑṒṓṔṕṖṗṘṙṚṛṜṝṞṟṠṡṢṣṤṥṦṧṨṩṪṫṬṭṮṯṰṱṲṳṴṵṶṷṸṹṺṻṼṽṾṿẀẁẂẃẄẅẆẇẈẉẊẋẌẍẎẏẐẑẒẓẔẕẖẗẘẙẛẞẠạẢảẤấẦầẨẩẪẫẬậẮắẰằẲẳẴẵẶặẸẹẺẻẼẽẾếỀềỂểỄễỆệỈỉỊịỌọỎỏỐốỒồỔổỖỗỘộỚớỜờỞởỠỡỢợỤụỦủỨứỪừỬửỮữỰựỲỳỴỵỶỷỸỹỺỼỾ', 'aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwysßaaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyyỻỽỿ');
  END IF;
  IF folded ~ '[\u1f08-\u1ffc]' THEN
    folded := translate(folded, 'ἈἉἊἋἌἍἎἏἘἙἚἛἜἝἨἩἪἫἬἭἮἯἸἹἺἻἼἽἾἿὈὉὊὋὌὍὙὛὝὟὨὩὪὫὬὭὮὯᾈᾉᾊᾋᾌᾍᾎᾏᾘᾙᾚᾛᾜᾝᾞᾟᾨᾩᾪᾫᾬᾭᾮᾯᾸᾹᾺΆᾼιῈΈῊΉῌῘῙῚΊῨῩῪΎῬῸΌῺΏῼ', 'ἀἁἂἃἄἅἆἇἐἑἒἓἔἕἠἡἢἣἤἥἦἧἰἱἲἳἴἵἶἷὀὁὂὃὄὅὑὓὕὗὠὡὢὣὤὥὦὧᾀᾁᾂᾃᾄᾅᾆᾇᾐᾑᾒᾓᾔᾕᾖᾗᾠᾡᾢᾣᾤᾥᾦᾧᾰᾱὰάᾳιὲέὴήῃῐῑὶίῠῡὺύῥὸόὼώῳ');
  END IF;
  IF folded ~ '[\u2126-\uff3a]' THEN
    folded := translate(folded, 'ΩKÅℲⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫⅬⅭⅮⅯↃⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌⰍⰎⰏⰐⰑⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟⰠⰡⰢⰣⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿⲀⲂⲄⲆⲈⲊⲌⲎⲐⲒⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎⳐⳒⳔⳖⳘⳚⳜⳞⳠⳢⳫⳭⳲꙀꙂꙄꙆꙈꙊꙌꙎꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝽꝾꞀꞂꞄꞆꞋꞍꞐꞒꞠꞢꞤꞦꞨꞪＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ', 'ωkaⅎⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅺⅻⅼⅽⅾⅿↄⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼⰽⰾⰿⱀⱁⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏⱐⱑⱒⱓⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀⲁⲃⲅⲇⲉⲋⲍⲏⲑⲓⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏⳑⳓⳕⳗⳙⳛⳝⳟⳡⳣⳬⳮⳳꙁꙃꙅꙇꙉꙋꙍꙏꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼᵹꝿꞁꞃꞅꞇꞌɥꞑꞓꞡꞣꞥꞧꞩɦａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ');
  END IF;
  IF folded ~ '[\U00010400-\U00010427]' THEN
    folded := translate(folded, '𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧', '𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏');
  END IF;
  RETURN regexp_replace(folded COLLATE "C", '[\u0300-\u0304\u0306-\u030c\u030f\u0311\u031b\u0323-\u0328\u032d-\u032e\u0330-\u0331]', '', 'g');
END $$;
--> statement-breakpoint
-- Chinese, Japanese and Korean letters become words of one letter: these scripts have no spaces to go by.
CREATE FUNCTION search_words(given text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
  words text := given;
BEGIN
  IF octet_length(words) > char_length(words) THEN
    words := regexp_replace(words COLLATE "C", '[\u0080-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7\u02c2-\u02c5\u02d2-\u02df\u02e5-\u02eb\u02ed\u02ef-\u02ff\u0305\u030d-\u030e\u0310\u0312-\u031a\u031c-\u0322\u0329-\u032c\u032f\u0332-\u036f\u0375\u037e\u0384-\u0385\u0387\u03f6\u0482-\u0489\u055a-\u055f\u0589-\u058a\u058f-\u05c7\u05f3-\u0604\u0606-\u061b\u061e-\u061f\u064b-\u065f\u066a-\u066d\u0670\u06d4\u06d6-\u06e4\u06e7-\u06ed\u06fd-\u06fe\u0700-\u070f\u0711\u0730-\u074a\u07a6-\u07b0\u07eb-\u07f3\u07f6-\u07f9\u0816-\u0819\u081b-\u0823\u0825-\u0827\u0829-\u083e\u0859-\u085e\u08e4-\u08fe\u0900-\u0903\u093a-\u093c\u093e-\u094f\u0951-\u0957\u0962-\u0965\u0970\u0981-\u0983\u09bc\u09be-\u09cd\u09d7\u09e2-\u09e3\u09f2-\u09f3\u09fa-\u09fb\u0a01-\u0a03\u0a3c-\u0a51\u0a70-\u0a71\u0a75\u0a81-\u0a83\u0abc\u0abe-\u0acd\u0ae2-\u0ae3\u0af0-\u0af1\u0b01-\u0b03\u0b3c\u0b3e-\u0b4d\u0b56-\u0b57\u0b62-\u0b63\u0b70\u0b82\u0bbe-\u0bcd\u0bd7\u0bf3-\u0bfa\u0c01-\u0c03\u0c3e-\u0c56\u0c62-\u0c63\u0c7f\u0c82-\u0c83\u0cbc\u0cbe-\u0cd6\u0ce2-\u0ce3\u0d02-\u0d03\u0d3e-\u0d4d\u0d57\u0d62-\u0d63\u0d79\u0d82-\u0d83\u0dca-\u0ddf\u0df2-\u0df4\u0e31\u0e34-\u0e3f\u0e47-\u0e4f\u0e5a-\u0e5b\u0eb1\u0eb4-\u0eb9\u0ebb-\u0ebc\u0ec8-\u0ecd\u0f01-\u0f1f\u0f34-\u0f3f\u0f71-\u0f87\u0f8d-\u0fda\u102b-\u103e\u104a-\u104f\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109f\u10fb\u135d-\u1368\u1390-\u1399\u1400\u166d-\u166e\u1680\u169b-\u169c\u16eb-\u16ed\u1712-\u1714\u1732-\u1736\u1752-\u1753\u1772-\u1773\u17b4-\u17d6\u17d8-\u17db\u17dd\u1800-\u180e\u18a9\u1920-\u1945\u19de-\u19ff\u1a17-\u1a1f\u1a55-\u1a7f\u1aa0-\u1aa6\u1aa8-\u1aad\u1b00-\u1b04\u1b34-\u1b44\u1b5a-\u1b7c\u1b80-\u1b82\u1ba1-\u1bad\u1be6-\u1bff\u1c24-\u1c3f\u1c7e-\u1c7f\u1cc0-\u1ce8\u1ced\u1cf4\u1dc0-\u1de6\u1dfc-\u1dff\u1fbd\u1fbf-\u1fc1\u1fcd-\u1fcf\u1fdd-\u1fdf\u1fed-\u1fef\u1ffd-\u2064\u206a-\u206f\u207a-\u207e\u208a-\u208e\u20a0-\u20b9\u20d0-\u2101\u2103-\u2106\u2108-\u2109\u2114\u2116-\u2118\u211e-\u2123\u2125\u2127\u2129\u212e\u213a-\u213b\u2140-\u2144\u214a-\u214d\u214f\u2190-\u23f3\u2400-\u2426\u2440-\u244a\u249c-\u24e9\u2500-\u26ff\u2701-\u2775\u2794-\u2b4c\u2b50-\u2b59\u2ce5-\u2cea\u2cef-\u2cf1\u2cf9-\u2cfc\u2cfe-\u2cff\u2d70-\u2d7f\u2de0-\u2e2e\u2e30-\u2e3b\u2e80-\u2ffb\u3000-\u3004\u3008-\u3020\u302a-\u3030\u3036-\u3037\u303d-\u303f\u3099-\u309c\u30a0\u30fb\u3190-\u3191\u3196-\u319f\u31c0-\u31e3\u3200-\u321e\u322a-\u3247\u3250\u3260-\u327f\u328a-\u32b0\u32c0-\u32fe\u3300-\u33ff\u4dc0-\u4dff\ua490-\ua4c6\ua4fe-\ua4ff\ua60d-\ua60f\ua66f-\ua67e\ua69f\ua6f0-\ua716\ua720-\ua721\ua789-\ua78a\ua802\ua806\ua80b\ua823-\ua82b\ua836-\ua839\ua874-\ua881\ua8b4-\ua8c4\ua8ce-\ua8cf\ua8e0-\ua8f1\ua8f8-\ua8fa\ua926-\ua92f\ua947-\ua95f\ua980-\ua983\ua9b3-\ua9cd\ua9de-\ua9df\uaa29-\uaa36\uaa43\uaa4c-\uaa4d\uaa5c-\uaa5f\uaa77-\uaa79\uaa7b\uaab0\uaab2-\uaab4\uaab7-\uaab8\uaabe-\uaabf\uaac1\uaade-\uaadf\uaaeb-\uaaf1\uaaf5-\uaaf6\uabe3-\uabed\ufb1e\ufb29\ufbb2-\ufbc1\ufd3e-\ufd3f\ufdfc-\ufdfd\ufe00-\ufe26\ufe30-\ufe6b\ufeff-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\ufffd\U00010100-\U00010102\U00010137-\U0001013f\U00010179-\U00010189\U00010190-\U0001019b\U000101d0-\U000101fd\U0001039f\U000103d0\U00010857\U0001091f\U0001093f\U00010a01-\U00010a0f\U00010a38-\U00010a3f\U00010a50-\U00010a58\U00010a7f\U00010b39-\U00010b3f\U00011000-\U00011002\U00011038-\U0001104d\U00011080-\U00011082\U000110b0-\U000110c1\U00011100-\U00011102\U00011127-\U00011134\U00011140-\U00011143\U00011180-\U00011182\U000111b3-\U000111c0\U000111c5-\U000111c8\U000116ab-\U000116b7\U00012470-\U00012473\U00016f51-\U00016f7e\U00016f8f-\U00016f92\U0001d000-\U0001d1dd\U0001d200-\U0001d245\U0001d300-\U0001d356\U0001d6c1\U0001d6db\U0001d6fb\U0001d715\U0001d735\U0001d74f\U0001d76f\U0001d789\U0001d7a9\U0001d7c3\U0001eef0-\U0001f0be\U0001f0c1-\U0001f0df\U0001f110-\U0001f12e\U0001f130-\U0001f16b\U0001f170-\U0001f19a\U0001f1e6-\U0001f23a\U0001f240-\U0001f251\U0001f300-\U0001f320\U0001f330-\U0001f335\U0001f337-\U0001f37c\U0001f380-\U0001f393\U0001f3a0-\U0001f3c4\U0001f3c6-\U0001f3ca\U0001f3e0-\U0001f3f0\U0001f400-\U0001f43e\U0001f440\U0001f442-\U0001f4f7\U0001f4f9-\U0001f4fc\U0001f500-\U0001f53d\U0001f540-\U0001f543\U0001f550-\U0001f567\U0001f5fb-\U0001f640\U0001f645-\U0001f64f\U0001f680-\U0001f6c5\U0001f700-\U0001f773]+', ' ', 'g');
    words := regexp_replace(words COLLATE "C", '([\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u30ff\u3100-\u312f\u3130-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d\U00020000-\U0002ffff])', ' \1 ', 'g');
  END IF;
  words := regexp_replace(words COLLATE "C", '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]+', ' ', 'g');
  RETURN string_to_array(btrim(words), ' ');
END $$;
--> statement-breakpoint
CREATE SEQUENCE search_documents_id;
--> statement-breakpoint
CREATE TABLE search_documents (
	entity text COLLATE "C" NOT NULL,
	entity_id uuid NOT NULL,
	id bigint NOT NULL,
	item_id uuid,
	created_ms bigint NOT NULL,
	facets text COLLATE "C" NOT NULL,
	title text COLLATE "C" NOT NULL,
	body text COLLATE "C" NOT NULL,
	words tsvector NOT NULL,
	PRIMARY KEY (entity_id, entity)
);
--> statement-breakpoint
-- The body's positions begin past the title's, so that no phrase reaches from one into the other. Words of the
-- title stand there again with a `=`, and facets with a `#`, which no text has. `#b` names the block, 512 records that
-- came one after the other, and `#c` its 32 neighbours: so the newest matches of a word that is everywhere are found
-- without looking at all of them.
CREATE FUNCTION search_documents_indexed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  title_words text[] := search_words(search_fold(new.title));
  body_words text[] := search_words(search_fold(new.body));
  first_of_body integer := coalesce(cardinality(title_words), 0) + 1;
BEGIN
  IF TG_OP = 'INSERT' THEN new.id := nextval('search_documents_id'); END IF;
  new.words := coalesce((
    SELECT string_agg('''' || left(word, 500) || ''':' || least(at, 16383), ' ')
    FROM (
      SELECT word, at FROM unnest(title_words) WITH ORDINALITY AS t(word, at)
      UNION ALL
      SELECT '=' || word, at FROM unnest(title_words) WITH ORDINALITY AS t(word, at)
      UNION ALL
      SELECT word, first_of_body + at FROM unnest(body_words) WITH ORDINALITY AS b(word, at)
    ) placed WHERE word NOT IN ('', '=')
  ), '')::tsvector
  || array_to_tsvector(array['#b' || (new.id >> 9), '#c' || (new.id >> 14)] || string_to_array('#' || replace(new.facets, ' ', ' #'), ' '));
  RETURN new;
END $$;
--> statement-breakpoint
CREATE TRIGGER search_documents_added BEFORE INSERT ON search_documents FOR EACH ROW EXECUTE FUNCTION search_documents_indexed();
--> statement-breakpoint
CREATE TRIGGER search_documents_altered BEFORE UPDATE ON search_documents FOR EACH ROW
WHEN (new.title <> old.title OR new.body <> old.body OR new.facets <> old.facets) EXECUTE FUNCTION search_documents_indexed();
--> statement-breakpoint
CREATE VIEW search_source_work_items AS
SELECT 'work_item' AS entity, w.id AS entity_id, w.id AS item_id, (extract(epoch FROM w.created_at) * 1000)::bigint AS created_ms,
  CASE WHEN w.deleted_at IS NOT NULL THEN 'deleted' WHEN w.archived_at IS NOT NULL THEN 'archived' ELSE 'live' END || ' workitem' AS facets, w.title,
  concat_ws(E'\n', w.description, (SELECT string_agg(label, ' ') FROM jsonb_array_elements_text(w.labels) AS l(label)), w.assignee, w.branch_name, w.commit_hash, '#' || w.pr_number, (SELECT string_agg(v #>> '{}', ' ') FROM jsonb_path_query(w.metadata, 'strict $.**') AS j(v) WHERE jsonb_typeof(v) = 'string')) AS body
FROM work_items w;
--> statement-breakpoint
CREATE FUNCTION search_work_items_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO search_documents (entity, entity_id, item_id, created_ms, facets, title, body)
    SELECT entity, entity_id, item_id, created_ms, facets, title, body FROM search_source_work_items WHERE entity_id = new.id;
  ELSIF TG_OP = 'UPDATE' THEN
    UPDATE search_documents d SET item_id = s.item_id, facets = s.facets, title = s.title, body = s.body
    FROM search_source_work_items s WHERE s.entity_id = new.id AND d.entity_id = new.id AND d.entity = 'work_item';
    -- Notes go where their item goes.
    IF (new.deleted_at IS NULL) <> (old.deleted_at IS NULL) OR (new.archived_at IS NULL) <> (old.archived_at IS NULL) THEN
      UPDATE search_documents d SET facets = s.facets
      FROM search_source_notes s WHERE s.item_id = new.id AND d.entity_id = s.entity_id AND d.entity = 'note';
    END IF;
  ELSE
    DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'work_item';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER search_work_items_added AFTER INSERT OR DELETE ON work_items FOR EACH ROW EXECUTE FUNCTION search_work_items_changed();
--> statement-breakpoint
CREATE TRIGGER search_work_items_altered AFTER UPDATE ON work_items FOR EACH ROW
WHEN (new.title IS DISTINCT FROM old.title OR new.description IS DISTINCT FROM old.description OR new.labels IS DISTINCT FROM old.labels OR new.assignee IS DISTINCT FROM old.assignee OR new.branch_name IS DISTINCT FROM old.branch_name OR new.commit_hash IS DISTINCT FROM old.commit_hash OR new.pr_number IS DISTINCT FROM old.pr_number OR new.metadata IS DISTINCT FROM old.metadata OR new.deleted_at IS DISTINCT FROM old.deleted_at OR new.archived_at IS DISTINCT FROM old.archived_at) EXECUTE FUNCTION search_work_items_changed();
--> statement-breakpoint
CREATE VIEW search_source_notes AS
SELECT 'note' AS entity, n.id AS entity_id, n.item_id, (extract(epoch FROM n.created_at) * 1000)::bigint AS created_ms,
  coalesce((SELECT CASE WHEN w.deleted_at IS NOT NULL THEN 'deleted' WHEN w.archived_at IS NOT NULL THEN 'archived' ELSE 'live' END FROM work_items w WHERE w.id = n.item_id), 'live') || ' note' AS facets, '' AS title, n.text AS body
FROM notes n;
--> statement-breakpoint
CREATE FUNCTION search_notes_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    -- Nobody deletes or archives the item between this look and the end of the transaction.
    PERFORM 1 FROM work_items WHERE id = new.item_id FOR SHARE;
    INSERT INTO search_documents (entity, entity_id, item_id, created_ms, facets, title, body)
    SELECT entity, entity_id, item_id, created_ms, facets, title, body FROM search_source_notes WHERE entity_id = new.id;
  ELSIF TG_OP = 'UPDATE' THEN
    UPDATE search_documents d SET item_id = s.item_id, facets = s.facets, title = s.title, body = s.body
    FROM search_source_notes s WHERE s.entity_id = new.id AND d.entity_id = new.id AND d.entity = 'note';
  ELSE
    DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'note';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER search_notes_added AFTER INSERT OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION search_notes_changed();
--> statement-breakpoint
CREATE TRIGGER search_notes_altered AFTER UPDATE ON notes FOR EACH ROW
WHEN (new.text IS DISTINCT FROM old.text OR new.item_id IS DISTINCT FROM old.item_id) EXECUTE FUNCTION search_notes_changed();
--> statement-breakpoint
CREATE VIEW search_source_vendors AS
SELECT 'vendor' AS entity, v.id AS entity_id, NULL::uuid AS item_id, (extract(epoch FROM v.created_at) * 1000)::bigint AS created_ms,
  'live vendor' AS facets, v.name AS title, concat_ws(E'\n', v.extractor_version, (SELECT string_agg(v #>> '{}', ' ') FROM jsonb_path_query(v.metadata, 'strict $.**') AS j(v) WHERE jsonb_typeof(v) = 'string')) AS body
FROM vendors v;
--> statement-breakpoint
CREATE FUNCTION search_vendors_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO search_documents (entity, entity_id, item_id, created_ms, facets, title, body)
    SELECT entity, entity_id, item_id, created_ms, facets, title, body FROM search_source_vendors WHERE entity_id = new.id;
  ELSIF TG_OP = 'UPDATE' THEN
    UPDATE search_documents d SET item_id = s.item_id, facets = s.facets, title = s.title, body = s.body
    FROM search_source_vendors s WHERE s.entity_id = new.id AND d.entity_id = new.id AND d.entity = 'vendor';
  ELSE
    DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'vendor';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER search_vendors_added AFTER INSERT OR DELETE ON vendors FOR EACH ROW EXECUTE FUNCTION search_vendors_changed();
--> statement-breakpoint
CREATE TRIGGER search_vendors_altered AFTER UPDATE ON vendors FOR EACH ROW
WHEN (new.name IS DISTINCT FROM old.name OR new.extractor_version IS DISTINCT FROM old.extractor_version OR new.metadata IS DISTINCT FROM old.metadata) EXECUTE FUNCTION search_vendors_changed();
--> statement-breakpoint
CREATE VIEW search_source_deployments AS
SELECT 'deployment' AS entity, d.id AS entity_id, NULL::uuid AS item_id, (extract(epoch FROM d.deployed_at) * 1000)::bigint AS created_ms,
  'live deployment' AS facets, coalesce(d.metadata ->> 'pr_title', '') AS title,
  concat_ws(E'\n', d.commit_hash, '#' || (d.metadata ->> 'pr_number'), (SELECT string_agg(v #>> '{}', ' ') FROM jsonb_path_query((d.metadata - 'pr_title'), 'strict $.**') AS j(v) WHERE jsonb_typeof(v) = 'string')) AS body
FROM deployments d;
--> statement-breakpoint
CREATE FUNCTION search_deployments_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO search_documents (entity, entity_id, item_id, created_ms, facets, title, body)
    SELECT entity, entity_id, item_id, created_ms, facets, title, body FROM search_source_deployments WHERE entity_id = new.id;
  ELSIF TG_OP = 'UPDATE' THEN
    UPDATE search_documents d SET item_id = s.item_id, facets = s.facets, title = s.title, body = s.body
    FROM search_source_deployments s WHERE s.entity_id = new.id AND d.entity_id = new.id AND d.entity = 'deployment';
  ELSE
    DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'deployment';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER search_deployments_added AFTER INSERT OR DELETE ON deployments FOR EACH ROW EXECUTE FUNCTION search_deployments_changed();
--> statement-breakpoint
CREATE TRIGGER search_deployments_altered AFTER UPDATE ON deployments FOR EACH ROW
WHEN (new.deployed_at IS DISTINCT FROM old.deployed_at OR new.commit_hash IS DISTINCT FROM old.commit_hash OR new.metadata IS DISTINCT FROM old.metadata) EXECUTE FUNCTION search_deployments_changed();
--> statement-breakpoint
CREATE VIEW search_source_enhancements AS
SELECT 'enhancement' AS entity, e.id AS entity_id, e.work_item_id AS item_id, (extract(epoch FROM e.created_at) * 1000)::bigint AS created_ms,
  'live enhancement' AS facets, e.title, concat_ws(E'\n', e.description, e.target_quarter, (SELECT string_agg(label, ' ') FROM jsonb_array_elements_text(e.requires_constitutional_principles) AS l(label))) AS body
FROM enhancements e;
--> statement-breakpoint
CREATE FUNCTION search_enhancements_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO search_documents (entity, entity_id, item_id, created_ms, facets, title, body)
    SELECT entity, entity_id, item_id, created_ms, facets, title, body FROM search_source_enhancements WHERE entity_id = new.id;
  ELSIF TG_OP = 'UPDATE' THEN
    UPDATE search_documents d SET item_id = s.item_id, facets = s.facets, title = s.title, body = s.body
    FROM search_source_enhancements s WHERE s.entity_id = new.id AND d.entity_id = new.id AND d.entity = 'enhancement';
  ELSE
    DELETE FROM search_documents WHERE entity_id = old.id AND entity = 'enhancement';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER search_enhancements_added AFTER INSERT OR DELETE ON enhancements FOR EACH ROW EXECUTE FUNCTION search_enhancements_changed();
--> statement-breakpoint
CREATE TRIGGER search_enhancements_altered AFTER UPDATE ON enhancements FOR EACH ROW
WHEN (new.title IS DISTINCT FROM old.title OR new.description IS DISTINCT FROM old.description OR new.target_quarter IS DISTINCT FROM old.target_quarter OR new.requires_constitutional_principles IS DISTINCT FROM old.requires_constitutional_principles OR new.work_item_id IS DISTINCT FROM old.work_item_id) EXECUTE FUNCTION search_enhancements_changed();
--> statement-breakpoint
INSERT INTO search_documents (entity, entity_id, item_id, created_ms, facets, title, body)
SELECT entity, entity_id, item_id, created_ms, facets, title, body FROM (
  SELECT * FROM search_source_work_items
  UNION ALL
  SELECT * FROM search_source_notes
  UNION ALL
  SELECT * FROM search_source_vendors
  UNION ALL
  SELECT * FROM search_source_deployments
  UNION ALL
  SELECT * FROM search_source_enhancements
) everything ORDER BY created_ms, entity_id;
--> statement-breakpoint
-- Without a list of words that wait: every search would read it, and now and then one write would pay for many.
CREATE INDEX search_documents_words ON search_documents USING gin (words) WITH (fastupdate = off);
--> statement-breakpoint
CREATE INDEX search_documents_item ON search_documents (item_id);
--> statement-breakpoint
CREATE INDEX search_documents_id_order ON search_documents (id);
