//! Words that keep their full stop, as Stanford's tokenizer 3.4.1 knows them, in lower case without it.

/// Anywhere.
pub(super) const ANYWHERE: &str = "\
    a\\.k\\.a adj adm al apr ariz asst assn assoc atty attys aug ave bancorp bhd bldg blvd brig bros calif capt cf cie \
    cmdr co col colo comdr conn corp cos cpl ct dak dec dept det dr drs elec ens esq etc ext est feb fla fri ft ga gen gov \
    govs hon inc ind insp intl invt jan jos jr jul jun kan kans ky lieut lt ltd maj mar md messrs mfg mich minn mlle mme \
    mo mon mont mr mrs ms mt mtg natl neb nev nov oct okla pfc penn ph plc ppty pres prof profs pt?ys? pte pvt rd rep reps \
    rev rt sen sens sept? seq sfc sgt spc sq sr sta? ste supts? sys tel tenn thu thurs treas tues? univ v va vs vt wed \
    wisc? wm wyo ph\\.d ed\\.d";

/// Where they are written like this: names of states and "Miss" that are other words as well.
pub(super) const CASED: &str = "Ala Ark Az Del Ill La Mass Miss Ore Pa Tex Wash";

/// Before a number only.
pub(super) const BEFORE_NUMBERS: &str = "apt arts? ca chs? figs? nos? nrs? op paras? pp prop pt res rs sect?";

/// Words that begin a sentence, so that a single letter before them ends one ("vitamin C. The").
pub(super) const SENTENCE_STARTS: &str = "\
    A About According Additionally After An As At But Earlier He Her Here However If In It Last Many More Now Once One \
    Other Our She Since So Some Such That The Their Then There These They This We What When While Yet You Mr\\. Ms\\.";
