#pragma once
// Failure is collective: agreement on errors, the watchdog, and the frame around main.

#include "base/error.h"
#include "dist/comm.h"

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <string_view>

namespace nepenthe::dist {

// Any exception as an Error: memory that ran out is kDoesNotFit, a file-system exception kInputOutput, others
// kInternal.
Error to_error(const std::exception_ptr& exception);

// Collective. Each rank hands in the exception it caught (nullptr = fine). When any rank failed, every rank throws
// the same Error: the first failing rank's kind, and "rank R, STAGE: cause" ("STAGE: cause" on one rank). An error that
// was agreed before keeps its text.
void agree(const Comm& comm, std::string_view stage, std::exception_ptr mine);

// Collective. Runs `work` on every rank and agrees afterwards. `work` itself must not use collectives that a failing
// rank would miss.
void run_agreed(const Comm& comm, std::string_view stage, const std::function<void()>& work);

// Whether every rank threw this alike (from agree), so that all of them may go on with something else.
bool is_agreed(const std::exception_ptr& exception);

// Names the stage that this process is in, for one-line error reports and the watchdog. Nests.
class StageScope {
  public:
    explicit StageScope(std::string name);
    ~StageScope();
    StageScope(const StageScope&) = delete;
    StageScope& operator=(const StageScope&) = delete;
    static std::string current();
};

// The line that run_guarded prints for an exception: "nepenthe: KIND error: rank R, STAGE: cause".
std::string error_line(const Comm& comm, const std::exception_ptr& exception);

// A thread that ends the process when one collective takes longer than `limit`: prints rank, stage and the
// collective's name and sequence number, then exits with kInternal so that mpirun ends the job. Off when limit is 0.
class Watchdog {
  public:
    explicit Watchdog(const Comm& comm, std::chrono::seconds limit);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// True once SIGTERM, SIGINT or SIGUSR1 arrived; long stages ask at block and step boundaries (through
// comm.all_reduce_or, so that all ranks stop at the same one), save, and throw Error(kResume). A second SIGTERM or
// SIGINT ends the process at once with 128 + its number. Always false outside run_guarded, which takes the signals.
bool stop_requested();

// main(): starts MPI, runs `body`, turns any exception into one line on stderr and the documented exit code. An Error
// that all ranks threw alike (from agree) ends quietly on all, the first failing rank prints; one that only this rank
// knows of is printed and aborts the job after a second of grace. All ranks return the same code.
int run_guarded(int argc, char** argv, const std::function<int(const Comm& world)>& body);

}  // namespace nepenthe::dist
