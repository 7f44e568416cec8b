/* The process that holds a pod's network. */
#include <unistd.h>

int main(void) {
    for (;;) pause();
}
