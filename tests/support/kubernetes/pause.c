/* The process that holds a pod's network. It ends at SIGTERM, which the first process of a container would otherwise
   ignore: then a node waits for ten seconds until it kills it, and keeps the pod for so long. */
#include <signal.h>
#include <unistd.h>

static void end(int signal) {
    (void)signal;
    _exit(0);
}

int main(void) {
    signal(SIGTERM, end);
    signal(SIGINT, end);
    for (;;) pause();
}
