"""Names of outcomes: made-up people and films, teams, parties, companies, words.

Belongs here: lists of (code in a Kalshi ticker, label), in the order in which markets take them. No person of the
generated universe exists.
"""

from __future__ import annotations

Pairs = tuple[tuple[str, str], ...]

PEOPLE: Pairs = (
    ("MDEL", "Maria Delgado"),
    ("TWHI", "Thomas Whitfield"),
    ("RCAL", "Rachel Callahan"),
    ("JOKA", "James Okafor"),
    ("SLIN", "Susan Lindqvist"),
    ("DHAR", "Daniel Hargrove"),
    ("EVAS", "Elena Vasquez"),
    ("WPRE", "Walter Prescott"),
    ("NRAO", "Nina Rao"),
    ("CMCB", "Colin McBride"),
    ("BTRA", "Beth Traynor"),
    ("GSUT", "Grant Sutherland"),
    ("AMOR", "Alicia Moreau"),
    ("PHOL", "Peter Holloway"),
)
TEAMS: Pairs = (
    ("ARI", "Arizona"),
    ("ATL", "Atlanta"),
    ("BOS", "Boston"),
    ("CHI", "Chicago"),
    ("CLE", "Cleveland"),
    ("DAL", "Dallas"),
    ("DEN", "Denver"),
    ("DET", "Detroit"),
    ("HOU", "Houston"),
    ("KC", "Kansas City"),
    ("LAR", "Los Angeles R"),
    ("MIA", "Miami"),
    ("MIN", "Minnesota"),
    ("NYG", "New York G"),
    ("PHI", "Philadelphia"),
    ("PIT", "Pittsburgh"),
    ("SEA", "Seattle"),
    ("SF", "San Francisco"),
    ("TB", "Tampa Bay"),
    ("WAS", "Washington"),
)
WORDS: Pairs = (
    ("TARI", "Tariff"),
    ("INFL", "Inflation"),
    ("CHIN", "China"),
    ("BORD", "Border"),
    ("AI", "Artificial intelligence"),
    ("BITC", "Bitcoin"),
    ("SHUT", "Shutdown"),
    ("RATE", "Rate cut"),
    ("UKRA", "Ukraine"),
    ("RECE", "Recession"),
    ("JOBS", "Unemployment"),
    ("HOUS", "Housing"),
    ("OIL", "Oil"),
    ("DOLL", "Dollar"),
)
MODELS: Pairs = (
    ("GOOG", "Google"),
    ("OPEN", "OpenAI"),
    ("ANTH", "Anthropic"),
    ("XAI", "xAI"),
    ("META", "Meta"),
    ("DEEP", "DeepSeek"),
    ("ALIB", "Alibaba"),
    ("MIST", "Mistral"),
    ("MOON", "Moonshot"),
    ("MSFT", "Microsoft"),
)
PARTIES: Pairs = (("D", "Democratic"), ("R", "Republican"), ("I", "Independent"))
# Decisions of a meeting: the code, Kalshi's name.
FED: Pairs = (
    ("H0", "Fed maintains rate"),
    ("C25", "Cut 25bps"),
    ("H25", "Hike 25bps"),
    ("C50", "Cut 50bps"),
    ("H50", "Hike 50bps"),
    ("C51", "Cut >50bps"),
    ("H51", "Hike >50bps"),
    ("E", "Unscheduled move"),
)
FILMS: Pairs = (
    ("LON", "The Long Winter"),
    ("MAR", "Marlowe"),
    ("NIG", "Nightjar"),
    ("CAR", "The Cartographer"),
    ("SAL", "Salt and Iron"),
    ("TRA", "Night Train to Trieste"),
    ("ORC", "Orchard"),
    ("QUI", "A Quiet Ledger"),
    ("HAR", "Harbor Lights"),
    ("VIO", "The Violinist's Daughter"),
    ("GLA", "Glass Meridian"),
    ("ASH", "Ashes of July"),
)
STATES = (
    "Arizona",
    "Colorado",
    "Florida",
    "Georgia",
    "Iowa",
    "Maine",
    "Michigan",
    "Minnesota",
    "Nevada",
    "New Hampshire",
    "North Carolina",
    "Ohio",
    "Pennsylvania",
    "Texas",
    "Virginia",
    "Wisconsin",
)
DISTRICTS = ("AZ-01", "CA-22", "CA-45", "CO-08", "IA-03", "MI-07", "NE-02", "NJ-07", "NY-17", "OH-09", "PA-07", "VA-02")
