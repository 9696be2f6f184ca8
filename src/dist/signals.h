#pragma once
// The signals that end a job, taken by a thread of their own. Internal to dist.
//
// No handler may run on a thread that computes. oneDNN up to 3.11 has products (jit_avx512_common_gemm_f32, its AVX2
// twin) that keep a workspace on the heap in the stack pointer; the kernel would push a handler's frame there, over
// whatever lies below (uxlfoundation/oneDNN issue 4845), and the job dies of a corrupted heap instead of saving.

#include <atomic>
#include <thread>

namespace nepenthe::dist {

// While it lives, SIGTERM, SIGINT and SIGUSR1 are blocked in the thread that made it and in every thread started since,
// and its own thread waits for them. The first asks for a stop (stop_requested in dist/guard.h); a second SIGTERM or
// SIGINT ends the process at once with 128 + its number. Make it before anything else starts threads, once a process.
// The signals stay blocked after it.
class SignalThread {
  public:
    SignalThread();
    ~SignalThread();
    SignalThread(const SignalThread&) = delete;
    SignalThread& operator=(const SignalThread&) = delete;

    // From here on the signals change nothing: for a process that has its exit code.
    void ignore() { ignoring_ = true; }

  private:
    void wait_for_signals();

    std::atomic<bool> ignoring_{false};
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

}  // namespace nepenthe::dist
