/* Preloaded into dropbear, which reads authorized_keys in the home folder alone: gives every user the folder and
   the shell of the test. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pwd.h>
#include <stdlib.h>

struct passwd *getpwnam(const char *name) {
    struct passwd *(*real)(const char *) = (struct passwd * (*)(const char *)) dlsym(RTLD_NEXT, "getpwnam");
    struct passwd *found = real(name);
    if (found != NULL && getenv("TEST_HOME") != NULL) {
        found->pw_dir = getenv("TEST_HOME");
        found->pw_shell = getenv("TEST_SHELL");
    }
    return found;
}

static int given;

void setusershell(void) { given = 0; }

char *getusershell(void) { return given++ ? NULL : getenv("TEST_SHELL"); }
