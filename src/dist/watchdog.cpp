#include "dist/comm_impl.h"
#include "dist/guard.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

namespace nepenthe::dist {

struct Watchdog::Impl {
    std::shared_ptr<Activity> activity;
    int rank = 0;
    std::chrono::seconds limit;
    std::mutex mutex;
    std::condition_variable ended;
    bool stop = false;
    std::thread thread;

    void watch() {
        const auto period = std::clamp<std::chrono::milliseconds>(limit / 4, std::chrono::milliseconds(100),
                                                                  std::chrono::milliseconds(1000));
        std::unique_lock lock(mutex);
        while (!ended.wait_for(lock, period, [this] { return stop; })) check();
    }

    void check() const {
        if (const auto record = activity->current()) {
            check(*record, "",
                  record->own_work ? "this rank hangs in it" : "a rank that should take part hangs or works elsewhere");
        }
        if (const auto record = activity->on_device())
            check(*record, " on the device", "a rank that should take part hangs or works elsewhere");
    }

    void check(const Activity::Record& record, std::string_view where, std::string_view why) const {
        // The first to speak ends the job: a rank that is stuck in its own work names the cause best, then rank 0.
        const std::chrono::seconds turn(record.own_work ? 0 : rank == 0 ? 1 : 4);
        if (Activity::Clock::now() - record.since < limit + turn) return;
        const std::string stage = StageScope::current();
        const std::string line = fmt::format(
            "nepenthe: internal error: rank {}{}{}: \"{}\" (number {}){} did not end within {} s; {}. Raise "
            "--hang-timeout if the work is only slow\n",
            rank, stage.empty() ? "" : ", ", stage, record.name, record.sequence, where, limit.count(), why);
        std::fwrite(line.data(), 1, line.size(), stderr);
        std::fflush(stderr);
        // The main thread sits inside MPI; only leaving without it ends the job, and mpirun ends the others.
        ::_exit(static_cast<int>(ErrorKind::kInternal));
    }
};

Watchdog::Watchdog(const Comm& comm, std::chrono::seconds limit) {
    if (limit.count() <= 0) return;
    impl_ = std::make_unique<Impl>();
    impl_->activity = comm.impl().activity;
    impl_->rank = comm.rank();
    impl_->limit = limit;
    impl_->thread = std::thread([state = impl_.get()] { state->watch(); });
}

Watchdog::~Watchdog() {
    if (!impl_) return;
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stop = true;
    }
    impl_->ended.notify_one();
    impl_->thread.join();
}

}  // namespace nepenthe::dist
