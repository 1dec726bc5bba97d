/*
 * What happens next, as a table: a workflow, then commands and what the run is after each of them. A step is
 * written name=status, with #attempt, /round and +crashes where they are not 1, 1 and 0, with *try while a
 * reminder is in hand, with & where an input is kept, and with ^ where a halted run waits for its holder. After
 * every line all rows are folded again from nothing (scheduler_case.h). "cancel" and "pause" name who is held
 * ("-": nobody), with "_by" whose holder asks first; the end of a step names what is kept beside it; "part"
 * completes a step that is to be the run's last, and names who else is held.
 */
#include "scheduler_case.h"

#include "random.h"

struct line {
    const char *command, *after;
};

struct scenario {
    const char *name, *graph;
    struct line lines[16];
};

/* In every scenario: a step "mail" has two retries with a backoff of a minute; an await expires after an hour,
 * with the otherwise "forget" if it is called "reply", without if it is called "confirm"; a step "slow" or
 * "late" is delayed by an hour; an await "maybe" has conditions; "one" and "two" are an either; somebody is reminded
 * of the awaits "nag" and "never" after half an hour, and "never" does not expire; "early", "maybe", "late" and "two" take
 * an input before their turn. */
static const struct scenario scenarios[] = {
    {"a run that nobody holds is cancelled at once",
     "a confirm? b",
     {{"start", "running a=ready confirm=pending b=pending"},
      {"complete a", "waiting a=completed confirm=waiting b=pending"},
      {"cancel -", "cancelled a=completed confirm=cancelled b=cancelled"},
      {"cancel -", "cancelled a=completed confirm=cancelled b=cancelled"},
      {"pause -", "NOT_PENDING"},
      {"resume", "NOT_PENDING"},
      {"omit b", "NOT_PENDING"},
      {"letgo b", "STALE"},
      {"retry confirm", "waiting a=completed confirm=waiting/2 b=pending/2"},
      {"accept confirm", "running a=completed confirm=completed/2 b=ready/2"},
      {"complete b", "done a=completed confirm=completed/2 b=completed/2"},
      {"cancel -", "NOT_PENDING"}}},
    {"a cancelled run waits for who holds a step, and begins nothing more",
     "a b< c<a,b",
     {{"start", "running a=ready b=ready c=pending"},
      {"cancel a,b", "running a=ready^ b=ready^ c=cancelled"},
      {"retry", "NOT_PENDING"},
      {"retry c", "NOT_PENDING"},
      {"hurry a", "NOT_PENDING"},
      {"pause a", "NOT_PENDING"},
      {"omit c", "NOT_PENDING"},
      {"complete c", "STALE"},
      {"started a", "running a=running^ b=ready^ c=cancelled"},
      {"cancel a,b", "running a=running^ b=ready^ c=cancelled"},
      {"complete a", "running a=completed b=ready^ c=cancelled"},
      {"complete a", "STALE"},
      {"complete b", "cancelled a=completed b=completed c=cancelled"}}},
    {"in a cancelled run nothing is tried again",
     "mail b< c<",
     {{"start", "running mail=ready b=ready c=ready"},
      {"cancel mail,b,c", "running mail=ready^ b=ready^ c=ready^"},
      {"fail mail", "running mail=failed b=ready^ c=ready^"},
      {"crash b", "running mail=failed b=cancelled+1 c=ready^"},
      {"letgo c", "cancelled mail=cancelled b=cancelled+1 c=cancelled"}}},
    {"what a cancelled run's holder keeps goes back with its step",
     "a! b!< c!<",
     {{"start", "running a=ready b=ready c=ready"},
      {"cancel a,b,c", "running a=ready^ b=ready^ c=ready^"},
      {"complete a b,c", "cancelled a=completed b=cancelled c=cancelled"}}},
    {"an input in hand is judged though the run is cancelled",
     "one? two?< x<",
     {{"start", "running one=waiting two=waiting x=ready"},
      {"cancel one,two,x", "running one=waiting^ two=waiting^ x=ready^"},
      {"reject two", "running one=waiting^ two=cancelled x=ready^"},
      {"accept two", "NOT_WAITING"},
      {"accept one", "running one=completed two=cancelled x=ready^"},
      {"skip x", "cancelled one=completed two=cancelled x=skipped"}}},
    {"an otherwise in hand ends a cancelled run as cancelled",
     "reply? then",
     {{"start", "waiting reply=waiting then=pending"},
      {"wait 3600000", ""},
      {"fire reply", "running reply=ready then=pending"},
      {"cancel reply", "running reply=ready^ then=cancelled"},
      {"complete reply", "cancelled reply=cancelled then=cancelled"}}},
    {"a step's holder cancels the run instead, and others end what they have",
     "a b< c<",
     {{"start", "running a=ready b=ready c=ready"},
      {"cancel_by a b,c", "running a=cancelled b=ready^ c=ready^"},
      {"cancel_by b c", "running a=cancelled b=cancelled c=ready^"},
      {"pause_by c -", "cancelled a=cancelled b=cancelled c=cancelled"}}},
    {"a paused run begins nothing, and goes on where it was",
     "a b",
     {{"start", "running a=ready b=pending"},
      {"pause -", "paused a=ready b=pending"},
      {"pause -", "paused a=ready b=pending"},
      {"complete a", "STALE"},
      {"hurry a", "NOT_PENDING"},
      {"retry", "NOT_PENDING"},
      {"resume", "running a=ready b=pending"},
      {"complete a", "running a=completed b=ready"}}},
    {"what is in hand of a paused run ends, and what follows begins when it is resumed",
     "a confirm?",
     {{"start", "running a=ready confirm=pending"},
      {"pause a", "paused a=ready^ confirm=pending"},
      {"complete a", "paused a=completed confirm=pending"},
      {"resume", "waiting a=completed confirm=waiting"},
      {"pause confirm", "paused a=completed confirm=waiting^"},
      {"reject confirm", "paused a=completed confirm=waiting"},
      {"accept confirm", "NOT_WAITING"},
      {"resume", "waiting a=completed confirm=waiting"},
      {"pause confirm", "paused a=completed confirm=waiting^"},
      {"letgo confirm", "paused a=completed confirm=waiting"},
      {"letgo confirm", "STALE"},
      {"resume", "waiting a=completed confirm=waiting"},
      {"pause confirm", "paused a=completed confirm=waiting^"},
      {"accept confirm", "done a=completed confirm=completed"}}},
    {"in a paused run no timer fires",
     "confirm? mail< slow<",
     {{"start", "running confirm=waiting mail=ready slow=pending"},
      {"pause mail", "paused confirm=waiting mail=ready^ slow=pending"},
      {"fail mail", "paused confirm=waiting mail=retrying slow=pending"},
      {"wait 3600000", ""},
      {"fire confirm", "paused confirm=waiting mail=retrying slow=pending"},
      {"fire mail", "paused confirm=waiting mail=retrying slow=pending"},
      {"fire slow", "paused confirm=waiting mail=retrying slow=pending"},
      {"resume", "retrying confirm=waiting mail=retrying slow=pending"},
      {"fire mail", "running confirm=waiting mail=ready#2 slow=pending"},
      {"fire slow", "running confirm=waiting mail=ready#2 slow=ready"},
      {"fire confirm", "expired confirm=cancelled mail=cancelled#2 slow=cancelled"}}},
    {"a paused run waits for nobody who is gone",
     "a b<",
     {{"start", "running a=ready b=ready"},
      {"started a", "running a=running b=ready"},
      {"pause a,b", "paused a=running^ b=ready^"},
      {"crash a", "paused a=ready#2+1 b=ready^"},
      {"letgo b", "paused a=ready#2+1 b=ready"},
      {"resume", "running a=ready#2+1 b=ready"},
      {"started a", "running a=running#2+1 b=ready"},
      {"pause a,b", "paused a=running#2+1^ b=ready^"},
      {"letgo a", "paused a=ready#3+1 b=ready^"}}},
    {"a step that was told as begun and is nobody's is begun again",
     "a b<",
     {{"start", "running a=ready b=ready"},
      {"started a", "running a=running b=ready"},
      {"pause b", "paused a=ready#2 b=ready^"},
      {"cancel b", "running a=cancelled#2 b=ready^"},
      {"complete b", "cancelled a=cancelled#2 b=completed"}}},
    {"a step's holder pauses the run instead, and keeps nothing",
     "a b< c<a,b",
     {{"start", "running a=ready b=ready c=pending"},
      {"pause_by a b", "paused a=ready b=ready^ c=pending"},
      {"pause_by b -", "paused a=ready b=ready c=pending"},
      {"resume", "running a=ready b=ready c=pending"}}},
    {"a paused run that failed meanwhile has failed when it is resumed, once",
     "a b",
     {{"start", "running a=ready b=pending"},
      {"pause a", "paused a=ready^ b=pending"},
      {"final a", "paused a=failed b=pending"},
      {"resume", "failed a=failed b=pending"},
      {"pause -", "paused:why a=failed b=pending"},
      {"resume", "failed a=failed b=pending"},
      {"retry", "running a=ready/2 b=pending"}}},
    {"an await asked about in a paused run is asked again",
     "maybe? b",
     {{"start", "running maybe=ready:ask b=pending"},
      {"pause maybe", "paused maybe=ready:ask^ b=pending"},
      {"open maybe", "paused maybe=ready:ask b=pending"},
      {"resume", "running maybe=ready:ask b=pending"},
      {"open maybe", "waiting maybe=waiting b=pending"},
      {"cancel -", "cancelled maybe=cancelled b=cancelled"}}},
    {"a person skips what nobody holds",
     "mail confirm? b slow",
     {{"start", "running mail=ready confirm=pending b=pending slow=pending"},
      {"omit b", "running mail=ready confirm=pending b=skipped slow=pending"},
      {"omit mail mail", "BUSY"},
      {"fail mail", "retrying mail=retrying confirm=pending b=skipped slow=pending"},
      {"omit mail", "waiting mail=skipped confirm=waiting b=skipped slow=pending"},
      {"omit confirm confirm", "BUSY"},
      {"omit confirm", "scheduled mail=skipped confirm=skipped b=skipped slow=pending"},
      {"omit confirm", "NOT_PENDING"},
      {"omit slow", "done mail=skipped confirm=skipped b=skipped slow=skipped"},
      {"omit slow", "NOT_PENDING"}}},
    {"a failed step that is skipped lets the run go on",
     "a b< c<a,b",
     {{"start", "running a=ready b=ready c=pending"},
      {"final a", "running a=failed b=ready c=pending"},
      {"final b", "failed a=failed b=failed c=pending"},
      {"omit a", "failed a=skipped b=failed c=pending"},
      {"pause -", "paused:why a=skipped b=failed c=pending"},
      {"omit b", "paused:why a=skipped b=skipped c=pending"},
      {"resume", "running a=skipped b=skipped c=ready"}}},
    {"a step that was skipped stays so when what failed before it is retried",
     "a b c",
     {{"start", "running a=ready b=pending c=pending"},
      {"omit c", "running a=ready b=pending c=skipped"},
      {"final a", "failed a=failed b=pending c=skipped"},
      {"retry", "running a=ready/2 b=pending c=skipped"},
      {"complete a", "running a=completed/2 b=ready c=skipped"},
      {"retry a", "running a=ready/3 b=pending/2 c=pending/2"}}},
    {"a run is not to go on after a step, and does not",
     "a b",
     {{"start", "running a=ready b=pending"}, {"part a -", "cancelled a=completed b=cancelled"}}},
    {"a run that ends by such a step ends as it would",
     "a b<",
     {{"start", "running a=ready b=ready"},
      {"complete b", "running a=ready b=completed"},
      {"part a -", "done a=completed b=completed"}}},
    {"a run that expires by such a step is expired",
     "reply? then",
     {{"start", "waiting reply=waiting then=pending"},
      {"wait 3600000", ""},
      {"fire reply", "running reply=ready then=pending"},
      {"part reply -", "expired reply=cancelled then=cancelled"}}},
    {"after such a step the run waits for who holds another",
     "a b< c<b",
     {{"start", "running a=ready b=ready c=pending"},
      {"part a b", "running a=completed b=ready^ c=cancelled"},
      {"complete b", "cancelled a=completed b=completed c=cancelled"}}},
    {"steps run one after another",
     "create! mail confirm? thank!",
     {{"start", "running create=ready mail=pending confirm=pending thank=pending"},
      {"started create", "running create=running mail=pending confirm=pending thank=pending"},
      {"complete create", "running create=completed mail=ready confirm=pending thank=pending"},
      {"complete mail", "waiting create=completed mail=completed confirm=waiting thank=pending"},
      {"accept confirm", "running create=completed mail=completed confirm=completed thank=ready"},
      {"complete thank",
       "done create=completed mail=completed confirm=completed thank=completed"}}},
    {"branches run side by side and are joined",
     "a b<a c<a d<b,c",
     {{"start", "running a=ready b=pending c=pending d=pending"},
      {"complete a", "running a=completed b=ready c=ready d=pending"},
      {"complete c", "running a=completed b=ready c=completed d=pending"},
      {"complete b", "running a=completed b=completed c=completed d=ready"},
      {"complete d", "done a=completed b=completed c=completed d=completed"}}},
    {"a branch that waits does not hold up the other",
     "a? b< c<a,b",
     {{"start", "running a=waiting b=ready c=pending"},
      {"complete b", "waiting a=waiting b=completed c=pending"},
      {"accept a", "running a=completed b=completed c=ready"}}},
    {"a failed attempt is tried again after its backoff, and at last it fails",
     "mail",
     {{"start", "running mail=ready"},
      {"fail mail", "retrying mail=retrying"},
      {"fire mail", "retrying mail=retrying"},
      /* not yet */
      {"wait 59999", ""},
      {"fire mail", "retrying mail=retrying"},
      {"wait 1", ""},
      {"fire mail", "running mail=ready#2"},
      {"fail mail", "retrying mail=retrying#2"},
      {"wait 60000", ""},
      {"fire mail", "running mail=ready#3"},
      {"fail mail", "failed mail=failed#3"}}},
    {"a final failure is not tried again",
     "mail",
     {{"start", "running mail=ready"}, {"final mail", "failed mail=failed"}}},
    {"a failure lets the other branch go on, and then the run has failed",
     "a b< c<a,b",
     {{"start", "running a=ready b=ready c=pending"},
      {"fail a", "running a=failed b=ready c=pending"},
      {"complete b", "failed a=failed b=completed c=pending"},
      {"retry", "running a=ready/2 b=completed c=pending"},
      {"complete a", "running a=completed/2 b=completed c=ready"}}},
    {"three crashes park a step, and a retry begins anew",
     "mail then",
     {{"start", "running mail=ready then=pending"},
      {"crash mail", "running mail=ready#2+1 then=pending"},
      {"crash mail", "running mail=ready#3+2 then=pending"},
      {"crash mail", "failed:crashed mail=failed#3+3 then=pending"},
      {"retry", "running mail=ready/2 then=pending"},
      {"complete mail", "running mail=completed/2 then=ready"}}},
    {"a crash uses up no retry, and an expired lease is no crash",
     "mail",
     {{"start", "running mail=ready"},
      {"crash mail", "running mail=ready#2+1"},
      {"lost mail", "running mail=ready#3+1"},
      {"lost mail", "running mail=ready#4+1"},
      {"lost mail", "running mail=ready#5+1"},
      {"fail mail", "retrying mail=retrying#5+1"},
      {"hurry mail", "running mail=ready#6+1"},
      {"fail mail", "retrying mail=retrying#6+1"},
      {"hurry mail", "running mail=ready#7+1"},
      {"fail mail", "failed mail=failed#7+1"}}},
    {"a rejected input leaves the run waiting",
     "confirm? then",
     {{"start", "waiting confirm=waiting then=pending"},
      {"reject confirm", "waiting confirm=waiting then=pending"},
      {"accept confirm", "running confirm=completed then=ready"},
      {"accept confirm", "NOT_WAITING"},
      {"reject confirm", "NOT_WAITING"},
      {"accept then", "NOT_WAITING"}}},
    {"without otherwise expiry ends the run",
     "confirm? then",
     {{"start", "waiting confirm=waiting then=pending"},
      {"wait 3599999", ""},
      {"fire confirm", "waiting confirm=waiting then=pending"},
      {"wait 1", ""},
      {"fire confirm", "expired confirm=cancelled then=cancelled"},
      {"fire confirm", "expired confirm=cancelled then=cancelled"},
      {"accept confirm", "NOT_WAITING"}}},
    {"expiry runs otherwise, and then the run is expired",
     "reply? then",
     {{"start", "waiting reply=waiting then=pending"},
      {"wait 3600000", ""},
      {"fire reply", "running reply=ready then=pending"},
      {"accept reply", "NOT_WAITING"},
      {"started reply", "running reply=running then=pending"},
      {"complete reply", "expired reply=cancelled then=cancelled"}}},
    {"an otherwise that fails can be retried",
     "reply? then",
     {{"start", "waiting reply=waiting then=pending"},
      {"wait 3600000", ""},
      {"fire reply", "running reply=ready then=pending"},
      {"crash reply", "running reply=ready#2+1 then=pending"},
      {"fail reply", "failed reply=failed#2+1 then=pending"},
      {"retry", "running reply=ready/2 then=pending"},
      {"complete reply", "expired reply=cancelled/2 then=cancelled"}}},
    {"an expired await can be asked again, and its otherwise is forgotten",
     "reply? then",
     {{"start", "waiting reply=waiting then=pending"},
      {"wait 3600000", ""},
      {"fire reply", "running reply=ready then=pending"},
      {"complete reply", "expired reply=cancelled then=cancelled"},
      {"retry reply", "waiting reply=waiting/2 then=pending/2"},
      {"accept reply", "running reply=completed/2 then=ready/2"}}},
    {"what the end of a run cut off goes on when the run is opened again",
     "confirm? a< b<a c<confirm,b",
     {{"start", "running confirm=waiting a=ready b=pending c=pending"},
      {"complete a", "running confirm=waiting a=completed b=ready c=pending"},
      {"wait 3600000", ""},
      {"fire confirm", "expired confirm=cancelled a=completed b=cancelled c=cancelled"},
      {"complete b", "STALE"},
      {"retry confirm", "running confirm=waiting/2 a=completed b=ready/2 c=pending/2"},
      {"accept confirm", "running confirm=completed/2 a=completed b=ready/2 c=pending/2"},
      {"complete b", "running confirm=completed/2 a=completed b=completed/2 c=ready/2"},
      {"complete c", "done confirm=completed/2 a=completed b=completed/2 c=completed/2"}}},
    {"a retry from a step resets all that follows it, and nothing else",
     "a b<a c<a d<b,c e<",
     {{"start", "running a=ready b=pending c=pending d=pending e=ready"},
      {"complete a", "running a=completed b=ready c=ready d=pending e=ready"},
      {"complete e", "running a=completed b=ready c=ready d=pending e=completed"},
      {"complete b", "running a=completed b=completed c=ready d=pending e=completed"},
      {"complete c", "running a=completed b=completed c=completed d=ready e=completed"},
      {"complete d", "done a=completed b=completed c=completed d=completed e=completed"},
      {"retry b", "running a=completed b=ready/2 c=completed d=pending/2 e=completed"},
      {"retry a", "running a=ready/2 b=pending/3 c=pending/2 d=pending/2 e=completed"}}},
    {"a step is retried only when it is at rest and its turn has come",
     "a mail",
     {{"start", "running a=ready mail=pending"},
      {"retry a", "NOT_PENDING"},
      {"retry mail", "NOT_PENDING"},
      {"retry", "NOT_PENDING"},
      {"started a", "running a=running mail=pending"},
      {"retry a", "NOT_PENDING"},
      {"hurry a", "running a=running mail=pending"},
      {"hurry mail", "NOT_PENDING"},
      {"complete a", "running a=completed mail=ready"},
      {"hurry mail", "running a=completed mail=ready"}}},
    {"a result that comes twice is refused",
     "a b",
     {{"start", "running a=ready b=pending"},
      {"complete b", "STALE"},
      {"complete a", "running a=completed b=ready"},
      {"complete a", "STALE"},
      {"fail a", "STALE"},
      {"lost a", "STALE"},
      {"crash a", "STALE"},
      {"start", "INVALID"},
      {"complete nobody", "INVALID"}}},
    {"a skipped step blocks nothing",
     "a b<a c<a d<b,c",
     {{"start", "running a=ready b=pending c=pending d=pending"},
      {"skip a", "running a=skipped b=ready c=ready d=pending"},
      {"complete a", "STALE"},
      {"skip a", "STALE"},
      {"skip b", "running a=skipped b=skipped c=ready d=pending"},
      {"complete c", "running a=skipped b=skipped c=completed d=ready"},
      {"skip d", "done a=skipped b=skipped c=completed d=skipped"}}},
    {"a delayed step runs when its time has come, once",
     "a slow b",
     {{"start", "running a=ready slow=pending b=pending"},
      {"complete a", "scheduled a=completed slow=pending b=pending"},
      {"complete slow", "STALE"},
      {"retry slow", "NOT_PENDING"},
      {"wait 3599999", ""},
      {"fire slow", "scheduled a=completed slow=pending b=pending"},
      {"wait 1", ""},
      {"fire slow", "running a=completed slow=ready b=pending"},
      {"fire slow", "running a=completed slow=ready b=pending"},
      {"complete slow", "running a=completed slow=completed b=ready"}}},
    {"a delayed step can be hurried, and a retry does not delay it again",
     "slow b",
     {{"start", "scheduled slow=pending b=pending"},
      {"hurry slow", "running slow=ready b=pending"},
      {"final slow", "failed slow=failed b=pending"},
      {"retry", "running slow=ready/2 b=pending"}}},
    {"a failed branch waits for a delayed one before the run has failed",
     "a slow<",
     {{"start", "running a=ready slow=pending"},
      {"final a", "scheduled a=failed slow=pending"},
      {"wait 3600000", ""},
      {"fire slow", "running a=failed slow=ready"},
      {"complete slow", "failed a=failed slow=completed"}}},
    {"an await with conditions opens when they are met",
     "maybe? b",
     {{"start", "running maybe=ready:ask b=pending"},
      {"accept maybe", "NOT_WAITING"},
      {"hurry maybe", "NOT_PENDING"},
      {"crash maybe", "running maybe=ready:ask#2+1 b=pending"},
      {"open maybe", "waiting maybe=waiting+1 b=pending"},
      {"open maybe", "STALE"},
      {"accept maybe", "running maybe=completed+1 b=ready"}}},
    {"an await whose conditions are not met is skipped, and one that cannot be asked fails",
     "maybe? b",
     {{"start", "running maybe=ready:ask b=pending"},
      {"fail maybe", "failed maybe=failed:ask b=pending"},
      {"retry", "running maybe=ready:ask/2 b=pending"},
      {"skip maybe", "running maybe=skipped/2 b=ready"}}},
    {"a delayed await is opened by a worker",
     "late? b",
     {{"start", "scheduled late=pending b=pending"},
      {"hurry late", "NOT_PENDING"},
      {"wait 3600000", ""},
      {"fire late", "running late=ready:ask b=pending"},
      {"open late", "waiting late=waiting b=pending"}}},
    {"the first of several awaits skips the others",
     "a one?<a two?<a b<one,two",
     {{"start", "running a=ready one=pending two=pending b=pending"},
      {"complete a", "waiting a=completed one=waiting two=waiting b=pending"},
      {"accept two", "running a=completed one=skipped two=completed b=ready"},
      {"accept one", "NOT_WAITING"},
      {"reject one", "NOT_WAITING"}}},
    {"the late result of an attempt whose lease was lost counts while nobody else began",
     "a b",
     {{"start", "running a=ready b=pending"},
      {"started a", "running a=running b=pending"},
      {"lost a", "running a=ready#2 b=pending"},
      {"late a", "running a=completed#2 b=ready"}}},
    {"somebody is reminded once, and the await waits on",
     "nag? b",
     {{"start", "waiting nag=waiting b=pending"},
      {"wait 1799999", ""},
      {"fire nag", "waiting nag=waiting b=pending"},
      {"wait 1", ""},
      {"fire nag", "waiting nag=waiting*1 b=pending"},
      {"fire nag", "waiting nag=waiting*1 b=pending"},
      {"hurry nag", "NOT_PENDING"},
      {"started nag", "waiting nag=waiting*1 b=pending"},
      {"skip nag", "STALE"},
      {"complete nag", "waiting nag=waiting b=pending"},
      {"complete nag", "STALE"},
      {"wait 1000000", ""},
      {"fire nag", "waiting nag=waiting b=pending"},
      {"accept nag", "running nag=completed b=ready"}}},
    {"a reminder that fails is tried three times, and nothing else fails",
     "never? b",
     {{"start", "waiting never=waiting b=pending"},
      {"wait 1800000", ""},
      {"fire never", "waiting never=waiting*1 b=pending"},
      {"fail never", "waiting never=waiting b=pending"},
      {"fire never", "waiting never=waiting b=pending"},
      {"wait 3750", ""},
      {"fire never", "waiting never=waiting*2 b=pending"},
      {"fail never", "waiting never=waiting b=pending"},
      {"wait 7500", ""},
      {"fire never", "waiting never=waiting*3 b=pending"},
      {"fail never", "waiting never=waiting b=pending"},
      {"wait 36000000", ""},
      {"fire never", "waiting never=waiting b=pending"}}},
    {"a reminder that takes its process down is tried three times, and nothing is parked",
     "never? b",
     {{"start", "waiting never=waiting b=pending"},
      {"wait 1800000", ""},
      {"fire never", "waiting never=waiting*1 b=pending"},
      {"crash never", "waiting never=waiting*2 b=pending"},
      {"lost never", "waiting never=waiting*3 b=pending"},
      {"crash never", "waiting never=waiting b=pending"},
      {"crash never", "STALE"},
      {"wait 36000000", ""},
      {"fire never", "waiting never=waiting b=pending"},
      {"accept never", "running never=completed b=ready"}}},
    {"a reminder is over when its await is, and comes again with a new round",
     "nag? b",
     {{"start", "waiting nag=waiting b=pending"},
      {"wait 1800000", ""},
      {"fire nag", "waiting nag=waiting*1 b=pending"},
      {"reject nag", "waiting nag=waiting*1 b=pending"},
      {"accept nag", "running nag=completed b=ready"},
      {"complete nag", "STALE"},
      {"retry nag", "waiting nag=waiting/2 b=pending/2"},
      {"complete nag", "STALE"},
      {"wait 1800000", ""},
      {"fire nag", "waiting nag=waiting*1/2 b=pending/2"},
      {"retry nag", "waiting nag=waiting/3 b=pending/2"}}},
    {"the late result of a reminder whose lease was lost counts while nobody else began",
     "never? b",
     {{"start", "waiting never=waiting b=pending"},
      {"wait 1800000", ""},
      {"fire never", "waiting never=waiting*1 b=pending"},
      {"lost never", "waiting never=waiting*2 b=pending"},
      {"late never", "waiting never=waiting b=pending"},
      {"wait 36000000", ""},
      {"fire never", "waiting never=waiting b=pending"}}},
    {"an expiry that is due comes before a reminder, and ends one that is in hand",
     "nag? b c< nag2?<c",
     {{"start", "running nag=waiting b=pending c=ready nag2=pending"},
      {"wait 3600000", ""},
      {"complete c", "waiting nag=waiting b=pending c=completed nag2=waiting"},
      {"wait 1800000", ""},
      {"fire nag2", "waiting nag=waiting b=pending c=completed nag2=waiting*1"},
      {"fire nag", "expired nag=cancelled b=cancelled c=completed nag2=cancelled"},
      {"complete nag2", "STALE"}}},
    {"an input that comes early is kept, and judged when its turn has come",
     "a early? b",
     {{"start", "running a=ready early=pending b=pending"},
      {"accept early", "NOT_WAITING"},
      {"keep early", "running a=ready early=pending& b=pending"},
      {"keep early", "running a=ready early=pending& b=pending"},
      {"keep b", "NOT_WAITING"},
      {"complete a", "running a=completed early=ready:judge& b=pending"},
      {"keep early", "BUSY"},
      {"hurry early", "NOT_PENDING"},
      {"complete early", "STALE"},
      {"accept early", "running a=completed early=completed b=ready"},
      {"accept early", "NOT_WAITING"},
      {"keep early", "NOT_WAITING"}}},
    {"an early input that is rejected leaves its await open",
     "a early? b",
     {{"start", "running a=ready early=pending b=pending"},
      {"keep early", "running a=ready early=pending& b=pending"},
      {"complete a", "running a=completed early=ready:judge& b=pending"},
      {"lost early", "running a=completed early=ready:judge#2& b=pending"},
      {"reject early", "waiting a=completed early=waiting b=pending"},
      {"keep early", "NOT_WAITING"},
      {"reject early", "waiting a=completed early=waiting b=pending"},
      {"wait 3600000", ""},
      {"fire early", "expired a=completed early=cancelled b=cancelled"}}},
    {"an early input that is rejected after which the run is not to go on opens nothing",
     "a early? b",
     {{"start", "running a=ready early=pending b=pending"},
      {"keep early", "running a=ready early=pending& b=pending"},
      {"complete a", "running a=completed early=ready:judge& b=pending"},
      {"deny early", "cancelled a=completed early=cancelled:judge b=cancelled"},
      {"retry early", "waiting a=completed early=waiting/2 b=pending/2"}}},
    {"an early input that three crashes came of is parked, and forgotten by a retry",
     "a early? b",
     {{"start", "running a=ready early=pending b=pending"},
      {"keep early", "running a=ready early=pending& b=pending"},
      {"complete a", "running a=completed early=ready:judge& b=pending"},
      {"crash early", "running a=completed early=ready:judge#2+1& b=pending"},
      {"crash early", "running a=completed early=ready:judge#3+2& b=pending"},
      {"crash early", "failed:crashed a=completed early=failed:judge#3+3& b=pending"},
      {"retry", "waiting a=completed early=waiting/2 b=pending"}}},
    {"conditions are asked before an early input is judged",
     "a maybe? b",
     {{"start", "running a=ready maybe=pending b=pending"},
      {"keep maybe", "running a=ready maybe=pending& b=pending"},
      {"complete a", "running a=completed maybe=ready:ask& b=pending"},
      {"keep maybe", "running a=completed maybe=ready:ask& b=pending"},
      {"open maybe", "running a=completed maybe=ready:judge& b=pending"},
      {"open maybe", "STALE"},
      {"accept maybe", "running a=completed maybe=completed b=ready"},
      {"retry a", "running a=ready/2 maybe=pending/2 b=pending/2"},
      {"keep maybe", "running a=ready/2 maybe=pending/2& b=pending/2"},
      {"complete a", "running a=completed/2 maybe=ready:ask/2& b=pending/2"},
      {"skip maybe", "running a=completed/2 maybe=skipped/2 b=ready/2"}}},
    {"an early input waits for its await's delay, and a retry of what comes before forgets it then",
     "a late? b",
     {{"start", "running a=ready late=pending b=pending"},
      {"complete a", "scheduled a=completed late=pending b=pending"},
      {"keep late", "scheduled a=completed late=pending& b=pending"},
      {"retry a", "running a=ready/2 late=pending/2 b=pending"},
      {"keep late", "running a=ready/2 late=pending/2& b=pending"},
      {"complete a", "scheduled a=completed/2 late=pending/2& b=pending"},
      {"wait 3600000", ""},
      {"fire late", "running a=completed/2 late=ready:ask/2& b=pending"},
      {"open late", "running a=completed/2 late=ready:judge/2& b=pending"},
      {"accept late", "running a=completed/2 late=completed/2 b=ready"}}},
    {"an early input for one of several awaits skips the others when it is accepted",
     "a one?<a two?<a b<one,two",
     {{"start", "running a=ready one=pending two=pending b=pending"},
      {"keep one", "NOT_WAITING"},
      {"keep two", "running a=ready one=pending two=pending& b=pending"},
      {"complete a", "running a=completed one=waiting two=ready:judge& b=pending"},
      {"accept two", "running a=completed one=skipped two=completed b=ready"}}},
    {"who is asked in time decides before an early input was judged",
     "a one?<a two?<a b<one,two",
     {{"start", "running a=ready one=pending two=pending b=pending"},
      {"keep two", "running a=ready one=pending two=pending& b=pending"},
      {"complete a", "running a=completed one=waiting two=ready:judge& b=pending"},
      {"accept one", "running a=completed one=completed two=skipped b=ready"},
      {"accept two", "NOT_WAITING"}}},
    {"a step that was begun is not begun again: whoever is lost leaves it failed",
     "mail then",
     {{"start", "running mail=ready then=pending"},
      {"begin mail", "running mail=running then=pending"},
      {"begin mail", "STALE"},
      {"crash mail", "failed:interrupted mail=failed+1 then=pending"},
      {"begin mail", "STALE"},
      {"complete mail", "STALE"},
      /* not by its own hand */
      {"fail mail", "STALE"},
      {"retry", "running mail=ready/2 then=pending"},
      {"begin mail", "running mail=running/2 then=pending"},
      {"complete mail", "running mail=completed/2 then=ready"}}},
    {"a step that was begun has no retries, whatever the code says by now",
     "mail then",
     {{"start", "running mail=ready then=pending"},
      {"begin mail", "running mail=running then=pending"},
      {"fail mail", "failed mail=failed then=pending"},
      {"own mail", "STALE"}}},
    {"its own late result settles the doubt, once",
     "mail confirm?",
     {{"start", "running mail=ready confirm=pending"},
      {"begin mail", "running mail=running confirm=pending"},
      {"lost mail", "failed:interrupted mail=failed confirm=pending"},
      {"own mail", "waiting mail=completed confirm=waiting"},
      {"own mail", "STALE"},
      {"accept confirm", "done mail=completed confirm=completed"}}},
    {"its own late failure settles it too",
     "a b",
     {{"start", "running a=ready b=pending"},
      {"begin a", "running a=running b=pending"},
      {"lost a", "failed:interrupted a=failed b=pending"},
      {"ownfail a", "failed:interrupted a=failed b=pending"},
      {"own a", "STALE"},
      {"retry", "running a=ready/2 b=pending"}}},
    {"a step that was not begun goes back as any other",
     "a",
     {{"start", "running a=ready"},
      {"lost a", "running a=ready#2"},
      {"begin a", "running a=running#2"},
      {"complete a", "done a=completed#2"}}},
    {"a fact is told in the middle, by whoever holds the step",
     "a confirm?",
     {{"note a", "INVALID"},
      {"start", "running a=ready confirm=pending"},
      {"progress a", "running a=running confirm=pending"},
      {"note a", "running a=running confirm=pending"},
      {"note confirm", "STALE"},
      {"complete a", "waiting a=completed confirm=waiting"},
      {"progress a", "STALE"},
      {"note confirm", "waiting a=completed confirm=waiting"},
      {"begin confirm", "STALE"},
      {"accept confirm", "done a=completed confirm=completed"},
      {"note confirm", "STALE"}}},
};

static bool is_named(const struct wf_definition_step *step, const char *name)
{
    return strncmp(step->name.ptr, name, strlen(name)) == 0 &&
           step->name.len - strlen(name) <= 1; /* "nag" is also "nag2" */
}

static struct wf_definition *definition_of(const char *line)
{
    struct graph graph;

    graph_read(&graph, line);
    for (uint16_t i = 0; i < graph.count; i++) {
        struct wf_definition_step *step = &graph.steps[i];

        if (wf_bytes_equal(step->name, WF_BYTES("mail"))) {
            step->retries = 2;
            step->backoff_ms = 60000;
        }
        if (step->kind == WF_STEP_AWAIT) {
            step->expires_ms = 3600000;
        }
        if (wf_bytes_equal(step->name, WF_BYTES("slow")) ||
            wf_bytes_equal(step->name, WF_BYTES("late"))) {
            step->wait_ms = 3600000;
        }
        step->asks = wf_bytes_equal(step->name, WF_BYTES("maybe"));
        step->either = wf_bytes_equal(step->name, WF_BYTES("one")) ||
                       wf_bytes_equal(step->name, WF_BYTES("two"));
        if (wf_bytes_equal(step->name, WF_BYTES("reply"))) {
            step->otherwise = WF_BYTES("forget");
        }
        step->early = is_named(step, "early") || is_named(step, "maybe") ||
                      is_named(step, "late") || is_named(step, "two");
        if (is_named(step, "nag") || is_named(step, "never")) {
            step->remind_ms = 1800000;
            step->remind = WF_BYTES("nudge");
            step->expires_ms = is_named(step, "nag") ? 3600000 : 0;
        }
    }
    return graph_define(&graph, true);
}

static void describe(const struct wf_state *state, char *text, size_t size)
{
    int at = snprintf(text, size, "%s%s%.*s", wf_run_status_name(wf_state_status(state)),
                      state->failed && state->reason.len ? ":" : "",
                      state->failed ? (int)state->reason.len : 0, state->reason.ptr);

    for (int i = 0; i < state->step_count; i++) {
        const struct wf_step *step = &state->steps[i];

        at += snprintf(text + at, size - (size_t)at, " %.*s=%s", (int)step->name.len,
                       step->name.ptr, wf_step_status_name(step->status));
        at += step->mode == WF_MODE_ASK ? snprintf(text + at, size - (size_t)at, ":ask") : 0;
        at += step->mode == WF_MODE_JUDGE ? snprintf(text + at, size - (size_t)at, ":judge") : 0;
        at += step->reminding ? snprintf(text + at, size - (size_t)at, "*%u", step->reminding) : 0;
        at += step->attempt > 1 ? snprintf(text + at, size - (size_t)at, "#%u", step->attempt) : 0;
        at += step->round > 1 ? snprintf(text + at, size - (size_t)at, "/%u", step->round) : 0;
        at += step->crashes ? snprintf(text + at, size - (size_t)at, "+%u", step->crashes) : 0;
        at += step->kept_version ? snprintf(text + at, size - (size_t)at, "&") : 0;
        at += step->held ? snprintf(text + at, size - (size_t)at, "^") : 0;
    }
}

static const struct {
    const char *word;
    enum wf_command_kind kind;
} words[] = {
    {"start", WF_COMMAND_START},       {"started", WF_COMMAND_STARTED},
    {"complete", WF_COMMAND_COMPLETE}, {"late", WF_COMMAND_COMPLETE},
    {"fail", WF_COMMAND_FAIL},         {"final", WF_COMMAND_FAIL},
    {"lost", WF_COMMAND_LOST},         {"crash", WF_COMMAND_LOST},
    {"accept", WF_COMMAND_ACCEPT},     {"reject", WF_COMMAND_REJECT},
    {"fire", WF_COMMAND_FIRE},         {"hurry", WF_COMMAND_HURRY},
    {"retry", WF_COMMAND_RETRY},       {"skip", WF_COMMAND_SKIP},
    {"open", WF_COMMAND_OPEN},         {"keep", WF_COMMAND_KEEP},
    {"begin", WF_COMMAND_BEGIN},       {"note", WF_COMMAND_TELL},
    {"progress", WF_COMMAND_TELL},     {"own", WF_COMMAND_COMPLETE},
    {"ownfail", WF_COMMAND_FAIL},      {"open", WF_COMMAND_OPEN},
    {"cancel", WF_COMMAND_CANCEL},     {"pause", WF_COMMAND_PAUSE},
    {"resume", WF_COMMAND_RESUME},     {"omit", WF_COMMAND_OMIT},
    {"letgo", WF_COMMAND_LET_GO},      {"part", WF_COMMAND_COMPLETE},
    {"cancel_by", WF_COMMAND_CANCEL},  {"pause_by", WF_COMMAND_PAUSE},
    {"deny", WF_COMMAND_REJECT},
};

/* "a,c" as bits; "-": none. */
static struct wf_bytes bits_of(const struct wf_state *state, const char *names, char *bits)
{
    size_t len = 0;

    memset(bits, 0, WF_STEPS_MAX / 8);
    while (*names && *names != '-') {
        size_t end = strcspn(names, ",");
        int step = wf_state_find(state, (struct wf_bytes){names, end});

        CHECK(step >= 0);
        bits[step / 8] = (char)(bits[step / 8] | 1 << (step % 8));
        len = (size_t)step / 8 + 1 > len ? (size_t)step / 8 + 1 : len;
        names += end + (names[end] == ',');
    }
    return (struct wf_bytes){bits, len};
}

static enum wf_status obey(struct simulation *simulation, const char *line)
{
    struct wf_command command = {.step = -1, .delay_ms = -1, .reason = WF_BYTES("")};
    char word[16] = "", name[32] = "", names[32] = "", bits[WF_STEPS_MAX / 8];
    bool of_run;

    sscanf(line, "%15s %31s %31s", word, name, names);
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            command.kind = words[i].kind;
        }
    }
    of_run = !strcmp(word, "cancel") || !strcmp(word, "pause");
    if (of_run) {
        command.held = bits_of(&simulation->state, name, bits);
    } else if (strcmp(word, "complete") == 0) {
        command.kept = bits_of(&simulation->state, names, bits);
    } else {
        command.held = bits_of(&simulation->state, names, bits);
    }
    command.parting =
        strcmp(word, "part") && strcmp(word, "deny") ? WF_BYTES("") : WF_BYTES("destroyed");
    command.reason = command.kind == WF_COMMAND_PAUSE ? WF_BYTES("why") : command.reason;
    if (*name && !of_run) {
        command.step = wf_state_find(&simulation->state, bytes_of(name));
        command.step = command.step < 0 ? 99 : command.step;
    }
    if (command.step >= 0 && command.step < simulation->state.step_count) {
        command.attempt = wf_state_project(&simulation->state, command.step).attempt -
                          (strcmp(word, "late") == 0);
    }
    command.started_ms = simulation->now_ms;
    command.fence = ++simulation->fence;
    if (strncmp(word, "own", 3) == 0) { /* from the hand that was given up last */
        command.fence = simulation->state.steps[command.step].fence;
    }
    command.tells = strcmp(word, "note") == 0 ? WF_KIND_noted : WF_KIND_progressed;
    command.payload = command.kind == WF_COMMAND_TELL ? WF_BYTES("told") : WF_BYTES("");
    command.final = strcmp(word, "final") == 0;
    command.crashed = strcmp(word, "crash") == 0;
    return simulate(simulation, &command, true);
}

static void play(const struct scenario *scenario)
{
    struct simulation *simulation = malloc(sizeof(*simulation));
    char text[400];

    simulation_begin(simulation, definition_of(scenario->graph));
    for (const struct line *line = scenario->lines; line->command; line++) {
        enum wf_status status;

        if (strncmp(line->command, "wait", 4) == 0) {
            simulation->now_ms += atoll(line->command + 5);
            continue;
        }
        status = obey(simulation, line->command);
        if (status) {
            snprintf(text, sizeof(text), "%s",
                     status == WF_STALE         ? "STALE"
                     : status == WF_NOT_PENDING ? "NOT_PENDING"
                     : status == WF_NOT_WAITING ? "NOT_WAITING"
                     : status == WF_BUSY        ? "BUSY"
                                                : "INVALID");
        } else {
            describe(&simulation->state, text, sizeof(text));
        }
        if (strcmp(text, line->after) != 0) {
            fprintf(stderr, "%s: after \"%s\": %s, not %s\n", scenario->name, line->command, text,
                    line->after);
            CHECK(!"as specified");
        }
    }
    simulation_end(simulation);
    free(simulation);
}

TEST(every_scenario_goes_as_specified)
{
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
        play(&scenarios[i]);
    }
}

TEST(what_a_step_told_last_is_kept_until_its_next_round)
{
    struct simulation *simulation = malloc(sizeof(*simulation));
    const struct wf_step *step;

    simulation_begin(simulation, definition_of("a b"));
    CHECK(obey(simulation, "start") == WF_OK);
    CHECK(obey(simulation, "progress a") == WF_OK);
    step = &simulation->state.steps[0];
    CHECK(wf_bytes_equal(step->progress, WF_BYTES("told")) && !step->once);
    CHECK(obey(simulation, "lost a") == WF_OK && obey(simulation, "begin a") == WF_OK);
    CHECK(wf_bytes_equal(step->progress, WF_BYTES("told")) && step->once);
    CHECK(obey(simulation, "complete a") == WF_OK && step->progress.len == 4);
    simulation->fence = 0;
    CHECK(obey(simulation, "retry a") == WF_OK && !step->progress.len && !step->once);
    simulation_end(simulation);
    free(simulation);
}

TEST(the_backoff_doubles_with_a_quarter_of_chance_up_to_an_hour)
{
    struct wf_definition_step exponential = {.backoff_ms = WF_BACKOFF_EXPONENTIAL},
                              constant = {.backoff_ms = 7};
    int64_t middle_ms = 3000;

    for (uint32_t failures = 1; failures <= 100; failures++) {
        int64_t least_ms = wf_scheduler_backoff(&exponential, failures, 0);
        int64_t most_ms = wf_scheduler_backoff(&exponential, failures, UINT32_MAX);

        CHECK(least_ms == middle_ms * 3 / 4);
        CHECK(most_ms <= 3600000 && (most_ms == 3600000 || most_ms >= middle_ms * 5 / 4 - 1));
        CHECK(wf_scheduler_backoff(&exponential, failures, 1u << 31) == middle_ms);
        CHECK(wf_scheduler_backoff(&constant, failures, failures) == 7);
        middle_ms = middle_ms * 2 < 3600000 ? middle_ms * 2 : 3600000;
    }
    CHECK(wf_scheduler_backoff(NULL, 1, 0) == 2250);
}

TEST(where_a_step_runs_is_asked_of_the_start_then_of_the_code_then_of_the_run)
{
    struct simulation *simulation = malloc(sizeof(*simulation));
    struct graph graph;
    struct wf_definition *moved;

    simulation_begin(simulation, definition_of("a! b"));
    CHECK(obey(simulation, "start") == WF_OK);
    graph_read(&graph, "b a!");
    graph.steps[1].place = WF_PLACE_LATER;
    moved = graph_define(&graph, true);
    CHECK(wf_scheduler_place(&simulation->state, NULL, 0) == WF_PLACE_NOW);
    CHECK(wf_scheduler_place(&simulation->state, NULL, 1) == WF_PLACE_LATER);
    CHECK(wf_scheduler_place(&simulation->state, moved, 0) == WF_PLACE_LATER);
    simulation->state.place = WF_PLACE_NOW;
    CHECK(wf_scheduler_place(&simulation->state, moved, 0) == WF_PLACE_NOW);
    wf_definition_release(moved);
    simulation_end(simulation);
    free(simulation);
}

/* From now on the code is this. */
static void recode(struct simulation *simulation, struct wf_definition *definition)
{
    wf_definition_release(simulation->definition);
    simulation->definition = definition;
}

static enum wf_status play_first_of(struct simulation *simulation, const char *began_with,
                                    struct wf_definition *now)
{
    simulation_begin(simulation, definition_of(began_with));
    CHECK(obey(simulation, "start") == WF_OK);
    recode(simulation, now);
    return obey(simulation, "complete a");
}

TEST(an_await_that_the_code_has_no_more_asks_its_holder_before_anybody_is_asked_for_an_input)
{
    static const char *const codes[] = {"a other?", "a reply", "a other"};
    struct simulation *simulation = malloc(sizeof(*simulation));

    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        CHECK(play_first_of(simulation, "a reply? b", definition_of(codes[i])) == WF_OK);
        CHECK(simulation->state.steps[1].status == WF_STEP_ready);
        CHECK(simulation->state.steps[1].mode == WF_MODE_ASK);
        CHECK(simulation->state.steps[1].due_ms == 0);
        CHECK(wf_scheduler_place(&simulation->state, simulation->definition, 1) == WF_PLACE_NOW);
        recode(simulation, definition_of("a reply? b")); /* the code has it back: it opens */
        CHECK(obey(simulation, "open reply") == WF_OK);
        CHECK(simulation->state.steps[1].due_ms == simulation->now_ms + 3600000);
        simulation_end(simulation);
    }
    CHECK(play_first_of(simulation, "a reply? b", NULL) == WF_OK); /* nothing is known */
    CHECK(simulation->state.steps[1].status == WF_STEP_waiting);
    simulation->definition = define("a");
    simulation_end(simulation);
    free(simulation);
}

TEST(a_step_has_its_options_under_a_name_that_it_had_in_earlier_code)
{
    static const struct wf_bytes was[] = {{"reply", 5}, {"mail", 4}};
    struct simulation *simulation = malloc(sizeof(*simulation));
    struct graph graph;

    for (int kind = 0; kind < 2; kind++) {
        graph_read(&graph, kind ? "a letter" : "a answer?");
        graph.steps[1].was = was;
        graph.steps[1].was_count = 2;
        graph.steps[1].retries = 1;
        graph.steps[1].expires_ms = kind ? 0 : 77;
        graph.steps[1].place = kind ? WF_PLACE_NOW : WF_PLACE_ANY;
        CHECK(play_first_of(simulation, kind ? "a mail b" : "a reply? b",
                            graph_define(&graph, true)) == WF_OK);
        if (kind) {
            CHECK(wf_scheduler_place(&simulation->state, simulation->definition, 1) ==
                  WF_PLACE_NOW);
            CHECK(obey(simulation, "fail mail") == WF_OK);
            CHECK(simulation->state.steps[1].status == WF_STEP_retrying);
        } else {
            CHECK(simulation->state.steps[1].status == WF_STEP_waiting);
            CHECK(simulation->state.steps[1].due_ms == simulation->now_ms + 77);
        }
        simulation_end(simulation);
    }
    free(simulation);
}

/* ---- A random walk ---- */

#define COMMANDS 100000

static struct wf_definition *random_definition(void)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    struct wf_definition_step steps[6];
    uint16_t deps[6][6], count = (uint16_t)(1 + random_below(6));

    for (uint16_t i = 0; i < count; i++) {
        steps[i] =
            (struct wf_definition_step){.name = bytes_of(names[i]),
                                        .kind = (enum wf_step_kind)random_below(3),
                                        .retries = random_below(3),
                                        .backoff_ms = random_below(2) ? 10 : WF_BACKOFF_EXPONENTIAL,
                                        .deps = deps[i]};
        if (steps[i].kind == WF_STEP_AWAIT && random_below(2)) {
            steps[i].expires_ms = 1 + random_below(5000);
            steps[i].otherwise = random_below(2) ? WF_BYTES("otherwise") : WF_BYTES("");
        }
        if (steps[i].kind == WF_STEP_AWAIT) {
            steps[i].asks = random_below(3) == 0;
            steps[i].either = (uint16_t)random_below(2);
            steps[i].early = random_below(2);
            steps[i].remind_ms = random_below(2) ? 1 + random_below(1000) : 0;
            steps[i].remind = steps[i].remind_ms ? WF_BYTES("remind") : WF_BYTES("");
        }
        steps[i].wait_ms = random_below(4) ? 0 : 1 + random_below(1000);
        for (uint16_t d = 0; d < i; d++) {
            if (random_below(3) == 0) {
                deps[i][steps[i].dep_count++] = d;
            }
        }
    }
    return wf_definition_new(WF_BYTES("Walk"), WF_BYTES("walk"), random_below(2), steps, count);
}

/* How many terminal events there are since the run was last opened. */
static int ends_in(const struct simulation *simulation)
{
    int ends = 0;

    for (int i = 0; i < simulation->row_count; i++) {
        struct wf_event event;
        struct wf_row row;

        CHECK(wf_row_open(&row, wf_buffer_bytes(&simulation->rows[i])) == WF_OK);
        while (wf_row_next(&row, &event) == WF_OK) {
            CHECK(!ends || event.kind == WF_KIND_step_retried); /* nothing after the end */
            ends += event.kind == WF_KIND_run_done || event.kind == WF_KIND_run_expired ||
                    event.kind == WF_KIND_run_cancelled;
            ends = event.kind == WF_KIND_step_retried ? 0 : ends;
        }
    }
    return ends;
}

static void check_rules(const struct simulation *simulation)
{
    const struct wf_state *state = &simulation->state;
    int moving = 0, failed = 0, unsettled = 0;

    for (int i = 0; i < state->step_count; i++) {
        const struct wf_step *step = &state->steps[i];
        struct wf_projection rows = wf_state_project(state, i);
        bool in_hand = step->status == WF_STEP_ready || step->status == WF_STEP_running;
        bool delayed = step->status == WF_STEP_pending && step->due_ms;
        bool active = in_hand || delayed || step->status == WF_STEP_waiting ||
                      step->status == WF_STEP_retrying;
        bool halted = wf_state_halted(state), shown = !halted || step->held;

        moving += active;
        failed += step->status == WF_STEP_failed;
        unsettled += step->status != WF_STEP_completed && step->status != WF_STEP_skipped;
        CHECK(wf_step_sound(step));
        CHECK(rows.ready == ((shown && in_hand) || (step->reminding && !halted)));
        CHECK(rows.waits == (shown && step->status == WF_STEP_waiting));
        CHECK(!step->reminding || halted ||
              (rows.waits && rows.mode == WF_MODE_REMIND && !rows.alone));
        CHECK(step->reminders <= WF_REMINDERS_MAX && !(step->reminding && step->remind_ms));
        CHECK(!step->kept_version || step->status == WF_STEP_pending || step->mode == WF_MODE_ASK ||
              step->mode == WF_MODE_JUDGE);
        CHECK(!rows.timer || (rows.due_ms && !in_hand && !halted));
        CHECK(step->status != WF_STEP_retrying || rows.timer || state->paused);
        CHECK(!step->held || (halted && (in_hand || step->status == WF_STEP_waiting)));
        CHECK(!state->cancelling || !active || step->held); /* nothing else is to come */
        CHECK(!state->ended || !active);
        CHECK(!active || wf_state_released(state, i)); /* nothing runs before its time */
        CHECK(delayed || step->status != WF_STEP_pending || !wf_state_released(state, i) ||
              state->paused);
        CHECK(!delayed || rows.timer || state->paused);
        CHECK(step->crashes < WF_CRASHES_MAX || step->status == WF_STEP_failed ||
              step->status == WF_STEP_cancelled || step->status == WF_STEP_skipped ||
              step->status == WF_STEP_completed); /* in doubt, and settled late */
    }
    CHECK(state->ended == WF_RUN_cancelled || state->cancelling ||
          (state->ended == WF_RUN_done) == (unsettled == 0));
    CHECK(state->ended != WF_RUN_done || unsettled == 0);
    CHECK(wf_state_halted(state) || state->failed == (!state->ended && moving == 0));
    CHECK(!(state->paused && state->cancelling) && !(state->ended && wf_state_halted(state)));
    CHECK(!state->cancelling || wf_state_held(state)); /* else it would be over */
    if (wf_state_halted(state)) {
        CHECK(wf_state_status(state) == (state->paused ? WF_RUN_paused : WF_RUN_running));
        CHECK(ends_in(simulation) == 0);
        return;
    }
    CHECK((wf_state_status(state) == WF_RUN_failed) == state->failed);
    CHECK(!state->failed || failed > 0); /* so that somebody can retry it */
    CHECK(ends_in(simulation) == (state->ended != 0));
}

/* Seldom one that halts the run: else it does nothing but stand still. */
static enum wf_command_kind any_command(void)
{
    enum wf_command_kind kind = (enum wf_command_kind)(1 + random_below(WF_COMMAND_KEEP));

    if ((kind == WF_COMMAND_CANCEL || kind == WF_COMMAND_PAUSE) && random_below(4)) {
        kind = WF_COMMAND_RESUME;
    }
    return kind;
}

/* Held are of the run's steps any that could be. */
static void fill_bits(struct wf_command *command, char bits[2])
{
    bits[0] = (char)random_below(64);
    bits[1] = (char)random_below(64);
    command->held = (struct wf_bytes){bits, 1};
    command->kept = (struct wf_bytes){bits + 1, random_below(4) == 0};
    command->parting =
        (command->kind == WF_COMMAND_COMPLETE || command->kind == WF_COMMAND_REJECT) &&
                random_below(8) == 0
            ? WF_BYTES("destroyed")
            : WF_BYTES("");
}

/* What no step in hand or awaited can be: nobody can hold it, so nobody says so. */
static void clear_idle(const struct wf_state *state, char *held)
{
    for (int i = 0; i < state->step_count; i++) {
        const struct wf_step *step = &state->steps[i];

        if (step->status != WF_STEP_ready && step->status != WF_STEP_running &&
            step->status != WF_STEP_waiting) {
            *held = (char)(*held & ~(1 << i));
        }
    }
}

static void walk(struct simulation *simulation, int commands, int *accepted)
{
    char bits[2];
    struct wf_command command = {.kind = WF_COMMAND_START, .step = -1};

    CHECK(simulate(simulation, &command, true) == WF_OK);
    check_rules(simulation);
    for (int i = 0; i < commands; i++) {
        int step = (int)random_below(simulation->state.step_count);

        simulation->now_ms += random_below(200);
        if (random_below(25) == 0) {
            recode(simulation, random_definition());
        }
        command = (struct wf_command){
            .kind = any_command(),
            .tells = random_below(2) ? WF_KIND_noted : WF_KIND_progressed,
            .step = step,
            .attempt = wf_state_project(&simulation->state, step).attempt,
            .started_ms = simulation->now_ms - random_below(50),
            .fence = random_below(2) ? ++simulation->fence : simulation->state.steps[step].fence,
            .chance = random_below(UINT32_MAX),
            .delay_ms = (int64_t)random_below(3) - 1,
            .final = random_below(8) == 0,
            .crashed = random_below(2),
            .payload = random_below(2) ? WF_BYTES("payload") : WF_BYTES(""),
            .reason = random_below(4) ? WF_BYTES("") : WF_BYTES("reason"),
            .error_class = random_below(2) ? WF_BYTES("Oops") : WF_BYTES(""),
            .error_message = random_below(2) ? WF_BYTES("broke") : WF_BYTES("")};
        if ((command.kind == WF_COMMAND_RETRY || command.kind >= WF_COMMAND_CANCEL) &&
            random_below(2)) {
            command.step = -1;
        }
        fill_bits(&command, bits);
        clear_idle(&simulation->state, bits);
        bits[0] = (char)(command.step < 0 ? bits[0] : bits[0] & ~(1 << command.step));
        command.kind =
            command.step < 0 && command.kind >= WF_COMMAND_OMIT ? WF_COMMAND_RESUME : command.kind;
        if (simulate(simulation, &command, true) == WF_OK) {
            check_rules(simulation);
            ++*accepted;
        }
    }
}

TEST(a_random_walk_never_leaves_the_rules)
{
    struct simulation *simulation = malloc(sizeof(*simulation));
    int accepted = 0, before = test_failures;

    random_seed("random walk");
    for (int done = 0; done < COMMANDS && test_failures == before; done += 100) {
        simulation_begin(simulation, random_definition());
        walk(simulation, 100, &accepted);
        simulation_end(simulation);
    }
    CHECK(accepted > COMMANDS / 10);
    free(simulation);
}
