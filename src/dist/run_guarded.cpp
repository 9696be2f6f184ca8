#include "base/fault.h"
#include "base/log.h"
#include "dist/comm_impl.h"
#include "dist/guard.h"
#include "dist/signals.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace nepenthe::dist {

namespace {

void ignore_limits() {
    // A reader that goes away (| head) must not end a job of hours.
    ::signal(SIGPIPE, SIG_IGN);
    // Nor a limit on file sizes: the write fails instead, with an error that names the file.
    ::signal(SIGXFSZ, SIG_IGN);
}

// One write, so that lines of several ranks do not mix.
void print_line(const std::string& text) {
    std::fflush(stdout);
    const std::string line = text + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
}

// How the body ended on this rank.
struct Outcome {
    int code = 0;
    std::string line;  // for stderr; empty without an exception
};

Outcome run_body(const Comm& world, const std::function<int(const Comm&)>& body) {
    try {
        arm_faults(world.rank(), world.size());
        return {body(world), ""};
    } catch (...) {
        const std::exception_ptr exception = std::current_exception();
        return {to_error(exception).exit_code(), error_line(world, exception)};
    }
}

// A rank that failed waits this long for the others to fail too. When they do not, they sit in a collective that this
// rank will never join, and the job has to be torn down.
constexpr std::chrono::milliseconds kGrace{1000};

// Collective when all ranks ended (however they ended); otherwise does not return on the ranks that failed. Gives the
// exit code that all ranks share: the first failing rank's.
int settle(const Comm& exits, const Outcome& mine, SignalThread& signals) {
    struct Verdict {
        int code, left_open;
    };
    const Verdict own{mine.code, mpi_is_left_open() ? 1 : 0};
    std::vector<Verdict> verdicts(static_cast<std::size_t>(exits.size()));
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Iallgather(&own, 2, MPI_INT, verdicts.data(), 2, MPI_INT, exits.impl().handle, &request),
              "MPI_Iallgather");
    const auto deadline = std::chrono::steady_clock::now() + kGrace;
    PollPause pause;
    while (true) {
        int done = 0;
        check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
        if (done != 0) break;
        if (mine.code != 0 && std::chrono::steady_clock::now() > deadline) {
            if (!mine.line.empty()) print_line(mine.line);
            MPI_Abort(MPI_COMM_WORLD, mine.code);
        }
        pause();
    }
    // All ranks know how the job ends. A launcher that sees the first of them leave with a code other than 0 terminates
    // the rest (srun --kill-on-bad-exit), which must not change their codes.
    signals.ignore();
    const auto first = std::find_if(verdicts.begin(), verdicts.end(), [](Verdict v) { return v.code != 0; });
    if (first == verdicts.end()) return 0;
    if (first - verdicts.begin() == exits.rank() && !mine.line.empty()) print_line(mine.line);
    if (std::any_of(verdicts.begin(), verdicts.end(), [](Verdict v) { return v.left_open != 0; })) {
        exits.barrier("end");  // the line is out before the launcher sees anybody leave
        std::fflush(nullptr);
        ::_exit(first->code);
    }
    return first->code;
}

}  // namespace

int run_guarded(int argc, char** argv, const std::function<int(const Comm& world)>& body) {
    ignore_limits();
    try {
        SignalThread signals;
        Session session(&argc, &argv);
        const Comm& world = session.world();
        init_log(world.rank(), world.size());
        const Comm exits = duplicate(world);
        return settle(exits, run_body(world, body), signals);
    } catch (const std::exception& error) {
        // Only MPI itself can fail out here, and then no rank can be asked.
        print_line(fmt::format("nepenthe: internal error: {}", error.what()));
        std::fflush(nullptr);
        ::_exit(static_cast<int>(ErrorKind::kInternal));
    }
}

}  // namespace nepenthe::dist
