/* Preloaded into a server that runs under callgrind: every turn of its event loop begins with caches that hold nothing.
   SIGUSR1 begins to count, SIGUSR2 ends and writes to FLIGHTWIRE_BENCH_TURNS how many turns were counted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

static volatile sig_atomic_t counts;
static long turns;

static void begin(int signal) { (void)signal; counts = 1; }
static void end(int signal) { (void)signal; counts = 0; }

__attribute__((constructor)) static void listen_to_signals(void) {
  signal(SIGUSR1, begin);
  signal(SIGUSR2, end);
}

static void tell(void) {
  const char *path = getenv("FLIGHTWIRE_BENCH_TURNS");
  char text[32];
  int length = snprintf(text, sizeof text, "%ld", turns);
  int file = path ? open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600) : -1;
  if (file < 0) return;
  if (write(file, text, (size_t)length) != length) unlink(path);
  close(file);
  turns = 0;
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout_ms, const sigset_t *signals) {
  static int (*wait)(int, struct epoll_event *, int, int, const sigset_t *);
  if (!wait) wait = (int (*)(int, struct epoll_event *, int, int, const sigset_t *))dlsym(RTLD_NEXT, "epoll_pwait");
  if (counts) CALLGRIND_STOP_INSTRUMENTATION;
  int found = wait(epoll, events, most, timeout_ms, signals);
  if (counts && found > 0) {
    turns++;
    CALLGRIND_START_INSTRUMENTATION; /* which empties the caches that are simulated */
  } else if (!counts && turns) {
    tell();
  }
  return found;
}
