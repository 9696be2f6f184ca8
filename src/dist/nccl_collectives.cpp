#include "base/error.h"
#include "dist/activity.h"
#include "dist/collectives.h"
#include "dist/comm_impl.h"
#include "dist/guard.h"

#ifdef NEPENTHE_HAVE_NCCL

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <unistd.h>
#include <chrono>
#include <cstring>
#include <exception>
#include <map>
#include <string>
#include <vector>

namespace nepenthe::dist {

namespace {

// Connecting thousands of ranks takes minutes; an operation is queued in microseconds unless the network is gone.
constexpr std::chrono::seconds kInitLimit{600};
constexpr std::chrono::seconds kQueueLimit{120};

void check_cuda(cudaError_t code, const char* call) {
    if (code == cudaSuccess) return;
    fail(code == cudaErrorMemoryAllocation ? ErrorKind::kDoesNotFit : ErrorKind::kInternal, "{} failed: {}", call,
         cudaGetErrorString(code));
}

ncclDataType_t nccl_type(ElementType type) {
    switch (type) {
        case ElementType::kFloat32: return ncclFloat32;
        case ElementType::kBFloat16: return ncclBfloat16;
        case ElementType::kInt64: return ncclInt64;
    }
    return ncclNumTypes;
}

class Event {
  public:
    Event() { check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreate"); }
    ~Event() { cudaEventDestroy(event_); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void record(cudaStream_t stream) { check_cuda(cudaEventRecord(event_, stream), "cudaEventRecord"); }
    void make_wait(cudaStream_t stream) const {
        check_cuda(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
    }
    // Does not block. A device that has failed says so to whoever waits for it.
    bool has_ended() const { return cudaEventQuery(event_) != cudaErrorNotReady; }

  private:
    cudaEvent_t event_ = nullptr;
};

class Stream {
  public:
    Stream() {
        int least = 0, greatest = 0;
        check_cuda(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
        check_cuda(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, greatest),
                   "cudaStreamCreateWithPriority");
    }
    ~Stream() { cudaStreamDestroy(stream_); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    cudaStream_t get() const { return stream_; }

  private:
    cudaStream_t stream_ = nullptr;
};

// Makes `device` this thread's current one and puts the caller's back.
class DeviceScope {
  public:
    explicit DeviceScope(int device) {
        check_cuda(cudaGetDevice(&before_), "cudaGetDevice");
        check_cuda(cudaSetDevice(device), "cudaSetDevice");
    }
    ~DeviceScope() { cudaSetDevice(before_); }
    DeviceScope(const DeviceScope&) = delete;
    DeviceScope& operator=(const DeviceScope&) = delete;

  private:
    int before_ = 0;
};

// A non-blocking NCCL communicator: no call waits for a peer without a deadline.
class NcclComm {
  public:
    explicit NcclComm(const Comm& comm) {
        const ActivityScope scope(comm, "ncclCommInitRankConfig");
        std::string id(sizeof(ncclUniqueId), '\0');
        run_agreed(comm, "NCCL set-up", [&] {
            if (!comm.is_root()) return;
            ncclUniqueId fresh;
            check(ncclGetUniqueId(&fresh), "ncclGetUniqueId");
            std::memcpy(id.data(), &fresh, sizeof fresh);
        });
        comm.broadcast(id);
        ncclUniqueId shared;
        std::memcpy(&shared, id.data(), sizeof shared);
        ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
        config.blocking = 0;
        const ncclResult_t started = ncclCommInitRankConfig(&comm_, comm.size(), shared, comm.rank(), &config);
        try {
            settle(started, "ncclCommInitRankConfig", kInitLimit);
        } catch (...) {
            abort();
            throw;
        }
    }

    ~NcclComm() {
        if (comm_ == nullptr) return;
        // Finalising waits for the peers; a rank that unwinds alone must not.
        if (std::uncaught_exceptions() > 0) {
            abort();
            return;
        }
        try {
            settle(ncclCommFinalize(comm_), "ncclCommFinalize", kQueueLimit);
            ncclCommDestroy(comm_);
        } catch (const Error&) {
            abort();
        }
    }
    NcclComm(const NcclComm&) = delete;
    NcclComm& operator=(const NcclComm&) = delete;

    ncclComm_t get() const { return comm_; }

    // Throws when a peer or the network failed since the last look.
    void check_async() const {
        ncclResult_t state = ncclSuccess;
        check(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
        if (state != ncclInProgress) check(state, "an earlier NCCL operation");
    }

    // A non-blocking call is queued on its stream only when the communicator says so.
    void settle(ncclResult_t result, const char* call, std::chrono::seconds limit) const {
        const auto deadline = std::chrono::steady_clock::now() + limit;
        PollPause pause;
        while (result == ncclInProgress) {
            if (std::chrono::steady_clock::now() > deadline) {
                fail(ErrorKind::kInternal, "{} did not end within {} s; see NCCL_DEBUG=INFO", call, limit.count());
            }
            pause();
            check(ncclCommGetAsyncError(comm_, &result), "ncclCommGetAsyncError");
        }
        check(result, call);
    }

  private:
    void check(ncclResult_t code, const char* call) const {
        if (code == ncclSuccess) return;
        fail(ErrorKind::kInternal, "{} failed: {} ({})", call, ncclGetErrorString(code), ncclGetLastError(comm_));
    }

    void abort() noexcept {
        if (comm_ != nullptr) ncclCommAbort(comm_);
        comm_ = nullptr;
    }

    ncclComm_t comm_ = nullptr;
};

struct Device {
    int index;
    cudaStream_t compute;
    Stream stream;
    NcclComm nccl;

    Device(const Comm& comm, int device, cudaStream_t compute_stream)
        : index(device), compute(compute_stream), nccl(comm) {}
};

class NcclWork : public Work {
  public:
    NcclWork(std::shared_ptr<Device> device, const Comm& comm, const char* call)
        : device_(std::move(device)), done_(std::make_shared<Event>()) {
        done_->record(device_->stream.get());
        // The host never waits here, so the watchdog asks the device.
        announce_on_device(comm, call, [done = done_] { return done->has_ended(); });
    }
    void wait() override {
        const DeviceScope scope(device_->index);
        device_->nccl.check_async();
        done_->make_wait(device_->compute);
    }

  private:
    std::shared_ptr<Device> device_;
    std::shared_ptr<Event> done_;
};

class NcclCollectives : public Collectives {
  public:
    NcclCollectives(const Comm& comm, int device, cudaStream_t compute)
        : comm_(comm), rank_(comm.rank()), size_(comm.size()) {
        run_agreed(comm, "device set-up", [&] { check_device(comm, device); });
        refuse_shared_devices(comm, device);
        const DeviceScope scope(device);
        device_ = std::make_shared<Device>(comm, device, compute);
    }

    int rank() const override { return rank_; }
    int size() const override { return size_; }

    std::unique_ptr<Work> reduce_scatter_sum(Buffer in, Buffer out) override {
        check_reduce_scatter(in, out, size_);
        return queue("ncclReduceScatter", [&](ncclComm_t comm, cudaStream_t stream) {
            return ncclReduceScatter(in.data, out.data, count(out), nccl_type(in.type), ncclSum, comm, stream);
        });
    }

    std::unique_ptr<Work> all_gather(Buffer in, Buffer out) override {
        check_all_gather(in, out, size_);
        return queue("ncclAllGather", [&](ncclComm_t comm, cudaStream_t stream) {
            return ncclAllGather(in.data, out.data, count(in), nccl_type(in.type), comm, stream);
        });
    }

    std::unique_ptr<Work> all_reduce_sum(Buffer buffer) override {
        return queue("ncclAllReduce", [&](ncclComm_t comm, cudaStream_t stream) {
            return ncclAllReduce(buffer.data, buffer.data, count(buffer), nccl_type(buffer.type), ncclSum, comm,
                                 stream);
        });
    }

    std::unique_ptr<Work> broadcast(Buffer buffer, int root) override {
        return queue("ncclBroadcast", [&](ncclComm_t comm, cudaStream_t stream) {
            return ncclBroadcast(buffer.data, buffer.data, count(buffer), nccl_type(buffer.type), root, comm, stream);
        });
    }

  private:
    static std::size_t count(const Buffer& buffer) { return static_cast<std::size_t>(buffer.numel.value); }

    static void check_device(const Comm& comm, int device) {
        int devices = 0;
        const cudaError_t found = cudaGetDeviceCount(&devices);
        if (found != cudaSuccess || device < 0 || device >= devices) {
            fail(ErrorKind::kUsage,
                 "rank {} was given CUDA device {}, but this node shows {} ({}); use --device cpu or start one rank a "
                 "device",
                 comm.rank(), device, found == cudaSuccess ? devices : 0, cudaGetErrorString(found));
        }
    }

    // Collective. NCCL wants a device for each rank.
    static void refuse_shared_devices(const Comm& comm, int device) {
        char bus[64] = {}, host[256] = {};
        run_agreed(comm, "device set-up", [&] {
            check_cuda(cudaDeviceGetPCIBusId(bus, sizeof bus, device), "cudaDeviceGetPCIBusId");
            gethostname(host, sizeof host - 1);
        });
        std::map<std::string, std::size_t> owner;
        const std::vector<std::string> places = comm.all_gather(std::string(host) + " " + bus);
        for (std::size_t rank = 0; rank < places.size(); ++rank) {
            const auto [first, alone] = owner.emplace(places[rank], rank);
            if (alone) continue;
            fail(ErrorKind::kUsage, "ranks {} and {} share a device ({}); training on devices needs one for each rank",
                 first->second, rank, places[rank]);
        }
    }

    template <typename Issue>
    std::unique_ptr<Work> queue(const char* call, const Issue& issue) {
        const DeviceScope scope(device_->index);
        device_->nccl.check_async();
        // What the compute stream still has to write must be there before the operation reads it.
        Event ready;
        ready.record(device_->compute);
        ready.make_wait(device_->stream.get());
        device_->nccl.settle(issue(device_->nccl.get(), device_->stream.get()), call, kQueueLimit);
        return std::make_unique<NcclWork>(device_, comm_, call);
    }

    Comm comm_;
    int rank_, size_;
    std::shared_ptr<Device> device_;
};

}  // namespace

std::unique_ptr<Collectives> make_nccl_collectives(const Comm& comm, int device, void* compute_stream) {
    return std::make_unique<NcclCollectives>(comm, device, static_cast<cudaStream_t>(compute_stream));
}

}  // namespace nepenthe::dist

#else

namespace nepenthe::dist {

std::unique_ptr<Collectives> make_nccl_collectives(const Comm&, int, void*) {
    fail(ErrorKind::kUsage, "this build has no NCCL; use --device cpu, or build against a libtorch with CUDA");
}

}  // namespace nepenthe::dist

#endif
