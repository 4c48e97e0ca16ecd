//! Who lives in the demo network and what they talk about. Plain data; `super` turns it into commands.

/// Somebody of the story.
pub(super) struct Person {
    pub handle: &'static str,
    pub name: &'static str,
    pub note: &'static str,
    /// Hue of the avatar, degrees.
    pub hue: u16,
    /// Whether followers need approval.
    pub locked: bool,
}

const fn person(handle: &'static str, name: &'static str, note: &'static str, hue: u16) -> Person {
    Person { handle, name, note, hue, locked: false }
}

/// The people, the best known first.
pub(super) const PEOPLE: &[Person] = &[
    person("mira", "Mira Okafor", "Keeps bees on a roof in Lagos and writes about it. #beekeeping", 42),
    person("tomasz", "Tomasz Wilk", "Night trains, timetables, the occasional bridge.", 210),
    person("hanako", "Hanako Sato", "Potter. Glazes that almost work. Kyoto.", 14),
    person("dele", "Dele Adeyemi", "Databases by day, jollof by night.", 150),
    person("ines", "Inês Duarte", "Sails small boats badly on the Tejo. Physicist otherwise.", 195),
    person("arne", "Arne Lindqvist", "Mushrooms, moss, rain. #foraging", 95),
    person("priya", "Priya Raman", "Teaches maths to twelve-year-olds, who teach her the rest.", 280),
    person("lucia", "Lucía Ferrer", "Translator. Collects untranslatable words and then translates them.", 330),
    person("oskar", "Oskar Brandt", "Repairs radios older than himself.", 25),
    person("nour", "Nour Haddad", "Architect of small things: benches, kiosks, stairs.", 165),
    person("jo", "Jo Whitaker", "Allotment plot 31. Slugs: 412, me: 3. #gardening", 120),
    Person { handle: "sam", name: "Sam", note: "Mostly here to read. Requests welcome.", hue: 250, locked: true },
    person("grete", "Grete Vos", "Retired lighthouse engineer. Yes, really.", 0),
    person("ravi", "Ravi Menon", "Plays the tabla, fixes bicycles, never both at once.", 305),
];

/// A thread: who begins it with what, and who answers whom. `after` counts from 0, the beginning.
pub(super) struct Thread {
    pub author: &'static str,
    pub text: &'static str,
    pub spoiler: &'static str,
    pub replies: &'static [Answer],
}

/// An answer within a thread.
pub(super) struct Answer {
    pub author: &'static str,
    pub after: usize,
    pub text: &'static str,
}

const fn answer(author: &'static str, after: usize, text: &'static str) -> Answer {
    Answer { author, after, text }
}

const fn thread(author: &'static str, text: &'static str, replies: &'static [Answer]) -> Thread {
    Thread { author, text, spoiler: "", replies }
}

/// The threads, in the order of telling.
pub(super) const THREADS: &[Thread] = &[
    thread(
        "mira",
        "First swarm of the season moved in overnight, uninvited and very welcome. #beekeeping",
        &[
            answer("jo", 0, "@mira How do you know they were not just visiting?"),
            answer("mira", 1, "@jo They brought furniture."),
            answer("arne", 0, "@mira Congratulations! What do they forage on up there?"),
            answer("mira", 3, "@arne Mango blossom, and the neighbour's prized roses. I have promised honey for silence."),
        ],
    ),
    thread(
        "tomasz",
        "The 23:14 to Gdynia still has the old compartments with the curtains. Nine hours, one thermos, no regrets. #trains",
        &[
            answer("ines", 0, "@tomasz Do the windows open?"),
            answer("tomasz", 1, "@ines The windows open, the doors rattle, and the conductor remembers your name."),
            answer("grete", 0, "@tomasz We used to set our lamps by that train."),
        ],
    ),
    thread(
        "hanako",
        "Kiln log, firing 88: the celadon came out grey again. A beautiful grey. I am calling it intentional. #pottery",
        &[
            answer("lucia", 0, "@hanako There must be a word for that."),
            answer("hanako", 1, "@lucia If there is, it is older than the kiln."),
            answer("nour", 0, "@hanako I would build a whole stair around that grey."),
        ],
    ),
    thread(
        "dele",
        "Reminder that a backup you have never restored is a rumour.",
        &[
            answer("oskar", 0, "@dele Same for spare valves."),
            answer("grete", 0, "@dele We tested the standby lamp every single night for thirty years. It was needed twice."),
            answer("dele", 2, "@grete Twice is everything."),
        ],
    ),
    thread(
        "ines",
        "Capsized in front of the ferry terminal at rush hour. Got applause. #sailing",
        &[
            answer("tomasz", 0, "@ines Was the ferry delayed?"),
            answer("ines", 1, "@tomasz Four minutes. I am told it is in the statistics."),
        ],
    ),
    thread(
        "arne",
        "Chanterelles already, two weeks early. The moss knows something. #foraging",
        &[
            answer("jo", 0, "@arne Please come and have a word with my slugs about schedules."),
            answer("priya", 0, "@arne My class wants to know how a mushroom counts weeks."),
            answer("arne", 2, "@priya By rain, mostly. Tell them to count rainy days backwards from the first one they find."),
            answer("priya", 3, "@arne You have just planned my Thursday."),
        ],
    ),
    thread(
        "priya",
        "A pupil asked today whether infinity is odd or even. We voted. Odd won by one, which everyone found fitting. #maths",
        &[
            answer("dele", 0, "@priya Ship it."),
            answer("ines", 0, "@priya Physicist here: we would have renormalised the vote."),
            answer("lucia", 0, "@priya In three of my languages the question cannot even be asked."),
        ],
    ),
    thread(
        "lucia",
        "Word of the day: madrugar, to get up early, as a verb of character. Which I do not have.",
        &[answer("ravi", 0, "@lucia We have one for getting up early only to go back to bed. It is used on Sundays.")],
    ),
    thread(
        "oskar",
        "1938 receiver, silent since 1961, played a jazz station from Antwerp this afternoon. One capacitor. One! #radio",
        &[
            answer("grete", 0, "@oskar What did it play?"),
            answer("oskar", 1, "@grete A request show. I nearly called in."),
            answer("ravi", 0, "@oskar Bring it to the workshop, we will tune the bicycles to it."),
        ],
    ),
    thread(
        "nour",
        "A bench is finished when two strangers can sit on it without negotiating. #design",
        &[answer("hanako", 0, "@nour And a cup when the tea decides how long you stay.")],
    ),
    thread(
        "jo",
        "Current score on plot 31. Slugs: 413. #gardening",
        &[
            answer("arne", 0, "@jo Plant something they like better, further away."),
            answer("jo", 1, "@arne I did. It is called the neighbour's plot."),
            answer("mira", 0, "@jo Ducks."),
        ],
    ),
    Thread {
        author: "lucia",
        text: "It was the translator. It is always the translator; nobody else read to the end of the letter.",
        spoiler: "The Lisbon Correspondence, last chapter",
        replies: &[answer("ines", 0, "@lucia I had suspected the boatman!"), answer("lucia", 1, "@ines The boatman only rowed.")],
    },
    thread("grete", "Fog on the coast tonight. Be kind to whoever keeps your lights.", &[]),
    thread(
        "ravi",
        "Bicycle 1, tabla 0. The spoke wrench went through the drum. Accepting condolences and goat skin.",
        &[answer("oskar", 0, "@ravi I have glue older than both of us."), answer("mira", 0, "@ravi Condolences. Honey?")],
    ),
    thread("dele", "Today I deleted four thousand lines and the tests got faster. Best feature of the quarter. #databases", &[]),
    thread("tomasz", "New winter timetable is out. I have read it so that you may sleep. Connections at Poznań improved! #trains", &[]),
    thread("mira", "Forty jars labelled by hand. My a's have started to look like bees. #beekeeping", &[]),
    thread("hanako", "Glaze recipe 131: ash from Arne's birch, feldspar, patience. It arrived by post in a biscuit tin. #pottery", &[]),
    thread(
        "nour",
        "Spent the day measuring how people actually walk around a kiosk. Nobody uses the path. The path was mine. #design",
        &[],
    ),
    thread("jo", "Slugs: 413. Ducks: 2. Morale: high. #gardening", &[answer("mira", 0, "@jo Told you.")]),
];
