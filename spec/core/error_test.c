#include "test.h"

#include "error.h"

TEST(fills_status_and_message)
{
    struct wf_error error = {0};

    CHECK(wf_fail(&error, WF_BUSY, "slot %d of %s", 7, "x") == WF_BUSY);
    CHECK(error.status == WF_BUSY);
    CHECK(strcmp(error.message, "slot 7 of x") == 0);
}

TEST(works_without_anyone_to_tell)
{
    CHECK(wf_fail(NULL, WF_STALE, "%s", "nobody reads this") == WF_STALE);
}

TEST(cuts_a_long_message_and_ends_it)
{
    struct wf_error error;
    char words[2000];

    memset(words, 'w', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    wf_fail(&error, WF_INVALID, "%s", words);
    CHECK(strlen(error.message) == sizeof(error.message) - 1);
}

TEST(every_status_has_words_of_its_own)
{
    for (int a = WF_OK; a <= WF_STORE_CORRUPT; a++) {
        CHECK(wf_status_text((enum wf_status)a)[0] != '\0');
        CHECK(strcmp(wf_status_text((enum wf_status)a), "unknown status") != 0);
        for (int b = WF_OK; b < a; b++) {
            CHECK(strcmp(wf_status_text((enum wf_status)a), wf_status_text((enum wf_status)b)) !=
                  0);
        }
    }
}
