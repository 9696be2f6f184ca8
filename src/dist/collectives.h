#pragma once
// The collectives of training, on flat buffers: host memory through MPI, device memory through NCCL. One interface,
// so that the sharded optimizer does not know where its tensors live, and its call order can be recorded in tests.

#include "dist/comm.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nepenthe::dist {

enum class ElementType { kFloat32, kBFloat16, kInt64 };

// Element counts, never bytes.
struct Numel {
    std::int64_t value = 0;
};

// A contiguous buffer of `numel` elements at `data` (host or device, as the implementation asks).
struct Buffer {
    void* data = nullptr;
    Numel numel;
    ElementType type = ElementType::kFloat32;
};

// An operation under way. wait() returns when its output may be read (on a device: when the stream may go on).
class Work {
  public:
    virtual ~Work() = default;
    virtual void wait() = 0;
};

// All members are collective and must be issued in the same order on all ranks.
class Collectives {
  public:
    virtual ~Collectives() = default;
    virtual int rank() const = 0;
    virtual int size() const = 0;
    // in: size()*n elements, out: n elements, the sum of everyone's rank()-th slice.
    virtual std::unique_ptr<Work> reduce_scatter_sum(Buffer in, Buffer out) = 0;
    // in: n elements, out: size()*n elements by rank. `in` may be the rank()-th slice of `out`.
    virtual std::unique_ptr<Work> all_gather(Buffer in, Buffer out) = 0;
    virtual std::unique_ptr<Work> all_reduce_sum(Buffer buffer) = 0;
    virtual std::unique_ptr<Work> broadcast(Buffer buffer, int root) = 0;
};

// Host memory; also the single-process case.
std::unique_ptr<Collectives> make_mpi_collectives(const Comm& comm);
// Device memory of `device`; the NCCL id travels over MPI. Throws Error(kUsage) when this build has no NCCL.
std::unique_ptr<Collectives> make_nccl_collectives(const Comm& comm, int device);

// Passes everything on to `inner` and writes down "reduce_scatter float32 1024"; for tests of the call order.
class RecordingCollectives : public Collectives {
  public:
    explicit RecordingCollectives(std::unique_ptr<Collectives> inner);
    int rank() const override;
    int size() const override;
    std::unique_ptr<Work> reduce_scatter_sum(Buffer in, Buffer out) override;
    std::unique_ptr<Work> all_gather(Buffer in, Buffer out) override;
    std::unique_ptr<Work> all_reduce_sum(Buffer buffer) override;
    std::unique_ptr<Work> broadcast(Buffer buffer, int root) override;
    const std::vector<std::string>& calls() const { return calls_; }

  private:
    std::unique_ptr<Collectives> inner_;
    std::vector<std::string> calls_;
};

}  // namespace nepenthe::dist
