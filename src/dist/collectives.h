#pragma once
// The collectives of training, on flat buffers: host memory through MPI, device memory through NCCL. One interface,
// so that the sharded optimizer does not know where its tensors live, and its call order can be recorded in tests.

#include "dist/comm.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::dist {

enum class ElementType { kFloat32, kBFloat16, kInt64 };

// Element counts, never bytes.
struct Numel {
    std::int64_t value = 0;
};

std::string_view element_type_name(ElementType type);  // "float32"
std::size_t element_bytes(ElementType type);

// A contiguous buffer of `numel` elements at `data` (host or device, as the implementation asks).
struct Buffer {
    void* data = nullptr;
    Numel numel;
    ElementType type = ElementType::kFloat32;
};

// An operation under way. Its buffers must live, and the input must not change, until wait() returned. wait() returns
// when the output may be read; on a device it does not block the host, it makes the compute stream wait.
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

// Host memory; also the single-process case. Non-blocking; bfloat16 is summed in fp32 and rounded once. int64 sums do
// not depend on the number of ranks or on MPI's algorithm. One MPI message holds at most `max_elements` (MPI counts are
// int); longer buffers are cut.
std::unique_ptr<Collectives> make_mpi_collectives(const Comm& comm,
                                                  std::int64_t max_elements = (std::int64_t{1} << 31) - 1);

// Device memory of `device`; the NCCL id travels over MPI. Every object has a communicator and a high-priority stream
// of its own, so concurrent purposes (gradients, parameters) take one each. An operation starts when `compute_stream`
// (a cudaStream_t) has done all that was queued on it before; nullptr is CUDA's legacy default stream, which is torch's
// current stream unless a stream guard changed it. Throws Error(kUsage) when this build has no NCCL or the machine no
// such device, Error(kInternal) with NCCL's text when a peer or the network failed.
std::unique_ptr<Collectives> make_nccl_collectives(const Comm& comm, int device, void* compute_stream = nullptr);

// Throws Error(kInternal) unless types and lengths fit together; every implementation asks first.
void check_reduce_scatter(const Buffer& in, const Buffer& out, int ranks);
void check_all_gather(const Buffer& in, const Buffer& out, int ranks);

// Passes everything on to `inner` and writes down "reduce_scatter float32 1024" (the longer buffer's length); for tests
// of the call order.
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
    void record(std::string_view name, const Buffer& buffer);

    std::unique_ptr<Collectives> inner_;
    std::vector<std::string> calls_;
};

}  // namespace nepenthe::dist
