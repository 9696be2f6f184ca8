#include "store/block_notices.h"

#include "dist/comm_impl.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <exception>
#include <numeric>
#include <vector>

namespace nepenthe::store {

using dist::check_mpi;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kProgressTag = 1;
constexpr int kStopTag = 2;
// How long a failing rank waits for the others to end their current blocks and fail with it.
constexpr std::chrono::seconds kGrace{3};

struct Sent {
    std::int64_t value = 0;
    MPI_Request request = MPI_REQUEST_NULL;
};

// Summed over ranks at the end. The numbers of messages tell everyone what is still on its way.
enum Sum { kDone, kFailed, kProgressSent, kStopsSent, kSums };

}  // namespace

struct BlockNotices::Impl {
    dist::Comm comm;
    Progress& progress;
    std::uint64_t already_done;
    std::deque<Sent> sent;              // a deque keeps addresses
    std::vector<std::int64_t> done_of;  // by rank, on rank 0
    std::array<std::int64_t, kSums> sums{}, totals{};
    std::int64_t progress_received = 0, stops_received = 0;
    Clock::time_point last_report = Clock::now();
    bool stop = false, moved = false;

    Impl(const dist::Comm& outer, Progress& shown, std::uint64_t already)
        : comm(dist::duplicate(outer)),
          progress(shown),
          already_done(already),
          done_of(static_cast<std::size_t>(outer.size())) {}

    void send(int to, int tag, std::int64_t value) {
        Sent& message = sent.emplace_back(Sent{value});
        check_mpi(MPI_Isend(&message.value, 1, MPI_INT64_T, to, tag, comm.impl().handle, &message.request),
                  "MPI_Isend");
    }

    void receive(int from, int tag) {
        std::int64_t value = 0;
        MPI_Status status;
        check_mpi(MPI_Recv(&value, 1, MPI_INT64_T, from, tag, comm.impl().handle, &status), "MPI_Recv");
        moved = true;
        if (status.MPI_TAG == kStopTag) {
            ++stops_received;
            stop = true;
            return;
        }
        ++progress_received;
        done_of[static_cast<std::size_t>(status.MPI_SOURCE)] = value;
        show();
    }

    void show() {
        if (!comm.is_root()) return;
        progress.update(already_done +
                        static_cast<std::uint64_t>(std::accumulate(done_of.begin(), done_of.end(), std::int64_t{0})));
    }

    void take_arrived() {
        while (true) {
            int waiting = 0;
            MPI_Status status;
            check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm.impl().handle, &waiting, &status), "MPI_Iprobe");
            if (waiting == 0) return;
            receive(status.MPI_SOURCE, status.MPI_TAG);
        }
    }

    // After the agreement everything has been sent: what is missing is taken, so that the communicator ends empty.
    void drain() {
        const std::int64_t progress_total = comm.is_root() ? totals[kProgressSent] : 0;
        while (progress_received < progress_total) receive(MPI_ANY_SOURCE, kProgressTag);
        while (stops_received < totals[kStopsSent] - sums[kStopsSent]) receive(MPI_ANY_SOURCE, kStopTag);
        for (Sent& message : sent) check_mpi(MPI_Wait(&message.request, MPI_STATUS_IGNORE), "MPI_Wait");
    }
};

BlockNotices::BlockNotices(const dist::Comm& comm, Progress& progress, std::uint64_t already_done)
    : impl_(std::make_unique<Impl>(comm, progress, already_done)) {}

BlockNotices::~BlockNotices() {
    // Messages may still be under way when a rank leaves alone; their memory is left to MPI.
    if (std::uncaught_exceptions() > 0) static_cast<void>(impl_.release());
}

void BlockNotices::report_progress(std::uint64_t mine) {
    const auto done = static_cast<std::int64_t>(mine);
    if (impl_->comm.is_root()) {
        impl_->done_of[0] = done;
        impl_->show();
        return;
    }
    // Rank 0 hears at most some hundred messages a second, however many ranks there are.
    const std::chrono::milliseconds interval(std::max(200, 5 * impl_->comm.size()));
    if (Clock::now() - impl_->last_report < interval) return;
    impl_->last_report = Clock::now();
    impl_->send(0, kProgressTag, done);
    ++impl_->sums[kProgressSent];
}

void BlockNotices::ask_to_stop() {
    for (int rank = 0; rank < impl_->comm.size(); ++rank) {
        if (rank != impl_->comm.rank()) impl_->send(rank, kStopTag, 0);
    }
    ++impl_->sums[kStopsSent];
    impl_->stop = true;
}

bool BlockNotices::poll() {
    impl_->take_arrived();
    return impl_->stop;
}

BlockNotices::Verdict BlockNotices::agree(std::uint64_t mine, bool failed, bool& arrived) {
    impl_->sums[kDone] = static_cast<std::int64_t>(mine);
    impl_->sums[kFailed] = failed ? 1 : 0;
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Iallreduce(impl_->sums.data(), impl_->totals.data(), kSums, MPI_INT64_T, MPI_SUM,
                             impl_->comm.impl().handle, &request),
              "MPI_Iallreduce");
    dist::ActivityScope scope(impl_->comm, "wait for the other ranks' blocks");
    const auto deadline = Clock::now() + kGrace;
    dist::PollPause pause;
    for (int ended = 0; ended == 0;) {
        check_mpi(MPI_Test(&request, &ended, MPI_STATUS_IGNORE), "MPI_Test");
        if (ended != 0) break;
        impl_->take_arrived();
        // Only rank 0 hears from the others, so only it can tell slow from stuck; a stuck rank's own watchdog sees its
        // block.
        if (impl_->moved || !impl_->comm.is_root()) scope.touch();
        impl_->moved = false;
        if (failed && Clock::now() > deadline) {
            arrived = false;
            return {};
        }
        pause();
    }
    arrived = true;
    impl_->drain();
    return {static_cast<std::uint64_t>(impl_->totals[kDone]), impl_->totals[kFailed] != 0};
}

}  // namespace nepenthe::store
