#include "dist/comm.h"

#include "base/error.h"
#include "dist/comm_impl.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <limits>
#include <numeric>
#include <thread>

namespace nepenthe::dist {

namespace {

// MPI 3 counts are int; longer messages travel in pieces of this many elements.
constexpr std::size_t kPiece = std::size_t{1} << 28;

// In-place reduction of any length, piece by piece.
template <typename T>
void all_reduce(const Comm& comm, std::span<T> values, MPI_Datatype type, MPI_Op op, const char* name) {
    const ActivityScope scope(comm, name);
    for (std::size_t first = 0; first < values.size(); first += kPiece) {
        const auto count = static_cast<int>(std::min(kPiece, values.size() - first));
        check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data() + first, count, type, op, comm.impl().handle),
                  "MPI_Allreduce");
    }
}

std::atomic<bool>& left_open() {
    static std::atomic<bool> flag{false};
    return flag;
}

}  // namespace

void leave_mpi_open() { left_open() = true; }
bool mpi_is_left_open() { return left_open(); }

void check_mpi(int code, const char* call) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    int error_class = MPI_SUCCESS;
    MPI_Error_class(code, &error_class);
    fail(error_class == MPI_ERR_NO_MEM ? ErrorKind::kDoesNotFit : ErrorKind::kInternal, "{} failed: {}", call,
         std::string_view(text, static_cast<std::size_t>(length)));
}

void PollPause::operator()() {
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds_));
    microseconds_ = std::min(2 * microseconds_, 2000);
}

Comm::Impl::Impl(MPI_Comm taken, std::shared_ptr<Activity> shared) : handle(taken), activity(std::move(shared)) {
    check_mpi(MPI_Comm_set_errhandler(handle, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_rank(handle, &rank), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(handle, &size), "MPI_Comm_size");
}

Comm::Impl::~Impl() {
    int finalized = 0;
    MPI_Finalized(&finalized);
    // Freeing is collective: a rank that unwinds alone must not wait for the others here.
    if (finalized == 0 && std::uncaught_exceptions() == 0) MPI_Comm_free(&handle);
}

Comm::Comm(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

int Comm::rank() const { return impl_->rank; }
int Comm::size() const { return impl_->size; }

void Comm::barrier(std::string_view what) const {
    const ActivityScope scope(*this, what);
    check_mpi(MPI_Barrier(impl_->handle), "MPI_Barrier");
}

void Comm::broadcast(std::string& data, int root) const {
    const ActivityScope scope(*this, "broadcast");
    std::uint64_t bytes = data.size();
    check_mpi(MPI_Bcast(&bytes, 1, MPI_UINT64_T, root, impl_->handle), "MPI_Bcast");
    data.resize(bytes);
    broadcast(std::as_writable_bytes(std::span(data)), root);
}

void Comm::broadcast(std::span<std::byte> data, int root) const {
    const ActivityScope scope(*this, "broadcast");
    for (std::size_t first = 0; first < data.size(); first += kPiece) {
        const auto count = static_cast<int>(std::min(kPiece, data.size() - first));
        check_mpi(MPI_Bcast(data.data() + first, count, MPI_BYTE, root, impl_->handle), "MPI_Bcast");
    }
}

std::vector<std::string> Comm::all_gather(std::string_view mine) const {
    const ActivityScope scope(*this, "all_gather");
    const auto ranks = static_cast<std::size_t>(size());
    const std::uint64_t bytes = mine.size();
    std::vector<std::uint64_t> lengths(ranks);
    check_mpi(MPI_Allgather(&bytes, 1, MPI_UINT64_T, lengths.data(), 1, MPI_UINT64_T, impl_->handle), "MPI_Allgather");

    std::vector<std::string> all(ranks);
    const std::uint64_t total = std::accumulate(lengths.begin(), lengths.end(), std::uint64_t{0});
    if (total > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
        for (std::size_t r = 0; r < ranks; ++r) {
            if (static_cast<int>(r) == rank()) all[r] = mine;
            broadcast(all[r], static_cast<int>(r));
        }
        return all;
    }
    std::vector<int> counts(ranks), offsets(ranks);
    int offset = 0;
    for (std::size_t r = 0; r < ranks; ++r) {
        counts[r] = static_cast<int>(lengths[r]);
        offsets[r] = offset;
        offset += counts[r];
    }
    std::string joined(static_cast<std::size_t>(total), '\0');
    check_mpi(MPI_Allgatherv(mine.data(), static_cast<int>(bytes), MPI_BYTE, joined.data(), counts.data(),
                             offsets.data(), MPI_BYTE, impl_->handle),
              "MPI_Allgatherv");
    for (std::size_t r = 0; r < ranks; ++r) {
        all[r] = joined.substr(static_cast<std::size_t>(offsets[r]), static_cast<std::size_t>(counts[r]));
    }
    return all;
}

void Comm::all_reduce_sum(std::span<double> values) const {
    all_reduce(*this, values, MPI_DOUBLE, MPI_SUM, "all_reduce_sum");
}

void Comm::all_reduce_sum(std::span<std::int64_t> values) const {
    all_reduce(*this, values, MPI_INT64_T, MPI_SUM, "all_reduce_sum");
}

std::int64_t Comm::all_reduce_max(std::int64_t value) const {
    all_reduce(*this, std::span(&value, 1), MPI_INT64_T, MPI_MAX, "all_reduce_max");
    return value;
}

bool Comm::all_reduce_or(bool value) const {
    int any = value ? 1 : 0;
    all_reduce(*this, std::span(&any, 1), MPI_INT, MPI_LOR, "all_reduce_or");
    return any != 0;
}

void Comm::merge_owned(std::span<double> values) const {
    // Or-ing bit patterns keeps the sign of zero and the payload of NaN, which a sum would lose.
    static_assert(sizeof(double) == sizeof(std::uint64_t));
    all_reduce(*this, values, MPI_UINT64_T, MPI_BOR, "merge_owned");
}

Comm Comm::split_node() const {
    const ActivityScope scope(*this, "split_node");
    MPI_Comm node = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(impl_->handle, MPI_COMM_TYPE_SHARED, rank(), MPI_INFO_NULL, &node),
              "MPI_Comm_split_type");
    return Comm(std::make_shared<Impl>(node, impl_->activity));
}

Comm duplicate(const Comm& comm) {
    const ActivityScope scope(comm, "duplicate communicator");
    MPI_Comm copy = MPI_COMM_NULL;
    check_mpi(MPI_Comm_dup(comm.impl().handle, &copy), "MPI_Comm_dup");
    return Comm(std::make_shared<Comm::Impl>(copy, comm.impl().activity));
}

}  // namespace nepenthe::dist
