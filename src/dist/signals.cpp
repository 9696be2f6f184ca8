#include "dist/signals.h"

#include "dist/guard.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace nepenthe::dist {

namespace {

std::atomic<bool> stop_asked{false};

sigset_t ending_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals, number);
    return signals;
}

}  // namespace

bool stop_requested() { return stop_asked; }

SignalThread::SignalThread() {
    const sigset_t signals = ending_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    thread_ = std::thread([this] { wait_for_signals(); });
}

SignalThread::~SignalThread() {
    ended_ = true;
    ::pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
}

void SignalThread::wait_for_signals() {
    const sigset_t signals = ending_signals();
    while (true) {
        int number = 0;
        ::sigwait(&signals, &number);
        if (ended_) return;
        if (ignoring_) continue;
        // The second one means "now": what is journalled is safe, the rest is not waited for.
        if (stop_asked.exchange(true) && number != SIGUSR1) ::_exit(128 + number);
    }
}

}  // namespace nepenthe::dist
