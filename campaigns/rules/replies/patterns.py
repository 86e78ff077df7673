"""Which meanings, in which order, make which label. The first rule that fits decides (docs/replies.md).

A rule is a regular expression whose letters are the meanings of `campaigns.replies.words`, in the order in which the
reply has them; spaces do not count. `~` is any meaning but BREAK, so `~{0,2}` stays within a clause. Small
words (PART) and the speaker's own pronoun (SELF) are already left out. BREAK is a comma or a full stop,
MARK a question mark, NUMBER a number other than the menu's, X any other word. Each rule stands with its
label, how sure it is, and a reply that it decides.
"""

from campaigns.replies.asking import ASKING
from campaigns.replies.deed import DEED
from campaigns.replies.labels import Rule
from campaigns.replies.sender import SENDER
from campaigns.replies.stopping import STOPPING

# Written out before a rule is compiled; a group may name those below it.
GROUPS = {
    "WELL": "(?!.*(NOTYET|NOKNOW|ERROR|UNABLE|NOT ~{0,3} (CAN|WORK)|WORK NOT))",
    "END": "(BREAK|$)",
    "ASKED": "(MARK|SO|TAGQ|BREAK|$)",
    "HALLO": "(ACK|YES|DA|BREAK|NUMWORD|X)",
    "MENU": "(ACK|YES|DA|BREAK|NUMWORD)",
    "INTENT": "(PLAN|SOON|BY)",
    "PAST": "(DID|JUST)",
    "SOON": "(LATER|TODAY)",
    "TAGQ": "(HUH|EH)",
    "STOP": "(KEYWORD|HALT)",
}

# Civilities before and after what is meant. A bare "ok rồi" stays whole: it need not mean installed.
COURTESY = "^ ((ACK|YES|DA)* BREAK | YES | ACK (?=..))+ (?=.) | (?<=.) (BREAK|ACK|YES|ENOUGH)+ $"

# In this order: an opt-out beats all, and who it is about comes before what was done.
RULES: tuple[Rule, ...] = (*STOPPING, *SENDER, *DEED, *ASKING)
