#include "base/error.h"
#include "dist/bfloat16.h"
#include "dist/collectives.h"
#include "dist/comm_impl.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <functional>
#include <vector>

namespace nepenthe::dist {

namespace {

using Staging = std::vector<std::byte>;

// bfloat16 is reduced as float32, all other types as they are.
MPI_Datatype reduced_type(ElementType type) { return type == ElementType::kInt64 ? MPI_INT64_T : MPI_FLOAT; }
std::size_t reduced_bytes(ElementType type) { return type == ElementType::kInt64 ? 8 : 4; }

MPI_Datatype moved_type(ElementType type) {
    switch (type) {
        case ElementType::kFloat32: return MPI_FLOAT;
        case ElementType::kBFloat16: return MPI_UINT16_T;
        case ElementType::kInt64: return MPI_INT64_T;
    }
    return MPI_DATATYPE_NULL;
}

std::byte* at(const Buffer& buffer, std::int64_t element) {
    return static_cast<std::byte*>(buffer.data) + static_cast<std::size_t>(element) * element_bytes(buffer.type);
}

// Copies `count` elements from `buffer` at `first` to where they are reduced, and back.
void stage(const Buffer& buffer, std::int64_t first, std::int64_t count, std::byte* to) {
    const std::byte* from = at(buffer, first);
    if (buffer.type != ElementType::kBFloat16) {
        std::memcpy(to, from, static_cast<std::size_t>(count) * element_bytes(buffer.type));
        return;
    }
    const auto* bits = reinterpret_cast<const std::uint16_t*>(from);
    auto* values = reinterpret_cast<float*>(to);
    for (std::int64_t i = 0; i < count; ++i) values[i] = float_from_bfloat16(bits[i]);
}

void unstage(const std::byte* from, const Buffer& buffer, std::int64_t first, std::int64_t count) {
    std::byte* to = at(buffer, first);
    if (buffer.type != ElementType::kBFloat16) {
        std::memcpy(to, from, static_cast<std::size_t>(count) * element_bytes(buffer.type));
        return;
    }
    const auto* values = reinterpret_cast<const float*>(from);
    auto* bits = reinterpret_cast<std::uint16_t*>(to);
    for (std::int64_t i = 0; i < count; ++i) bits[i] = bfloat16_from_float(values[i]);
}

// The messages of one operation, the memory they use, and what is left to do when they have arrived.
struct Messages {
    std::vector<MPI_Request> requests;
    std::vector<Staging> staging;
    std::vector<std::function<void()>> finish;

    std::byte* stage_bytes(std::size_t bytes) { return staging.emplace_back(bytes).data(); }
    MPI_Request* next() { return &requests.emplace_back(MPI_REQUEST_NULL); }
};

class MpiWork : public Work {
  public:
    MpiWork(const Comm& comm, std::string name, std::unique_ptr<Messages> messages)
        : comm_(comm), name_(std::move(name)), messages_(std::move(messages)) {}

    ~MpiWork() override {
        if (!messages_) return;
        if (std::uncaught_exceptions() > 0) {
            // The peers may never come, and MPI may still write: the memory is left to it.
            static_cast<void>(messages_.release());
            return;
        }
        MPI_Waitall(static_cast<int>(messages_->requests.size()), messages_->requests.data(), MPI_STATUSES_IGNORE);
    }

    void wait() override {
        if (!messages_) return;
        const ActivityScope scope(comm_, name_);
        auto& requests = messages_->requests;
        check_mpi(MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
        for (const auto& finish : messages_->finish) finish();
        messages_.reset();
    }

  private:
    Comm comm_;
    std::string name_;
    std::unique_ptr<Messages> messages_;
};

class MpiCollectives : public Collectives {
  public:
    // A duplicate of its own: nonblocking operations must not mix with others on the same communicator.
    MpiCollectives(const Comm& comm, std::int64_t max_elements) : comm_(duplicate(comm)), max_elements_(max_elements) {
        NEPENTHE_CHECK(max_elements >= comm.size());
    }

    int rank() const override { return comm_.rank(); }
    int size() const override { return comm_.size(); }

    std::unique_ptr<Work> reduce_scatter_sum(Buffer in, Buffer out) override {
        check_reduce_scatter(in, out, size());
        auto messages = std::make_unique<Messages>();
        const std::int64_t n = out.numel.value;
        if (size() == 1) {
            copy(in, out);
            return work("reduce_scatter", in, std::move(messages));
        }
        for_each_piece(n, max_elements_ / size(), [&](std::int64_t first, std::int64_t count) {
            const std::size_t slice = static_cast<std::size_t>(count) * reduced_bytes(in.type);
            const std::byte* from = at(in, 0);
            std::byte* to = at(out, first);
            if (count != n || in.type == ElementType::kBFloat16) {
                std::byte* packed = messages->stage_bytes(slice * static_cast<std::size_t>(size()));
                for (int r = 0; r < size(); ++r) {
                    stage(in, r * n + first, count, packed + static_cast<std::size_t>(r) * slice);
                }
                from = packed;
            }
            if (in.type == ElementType::kBFloat16) {
                to = messages->stage_bytes(slice);
                messages->finish.emplace_back([=] { unstage(to, out, first, count); });
            }
            check_mpi(MPI_Ireduce_scatter_block(from, to, static_cast<int>(count), reduced_type(in.type), MPI_SUM,
                                                handle(), messages->next()),
                      "MPI_Ireduce_scatter_block");
        });
        return work("reduce_scatter", in, std::move(messages));
    }

    std::unique_ptr<Work> all_gather(Buffer in, Buffer out) override {
        check_all_gather(in, out, size());
        auto messages = std::make_unique<Messages>();
        const std::int64_t n = in.numel.value;
        const bool in_place = in.data == at(out, rank() * n);
        if (!in_place) std::memmove(at(out, rank() * n), in.data, static_cast<std::size_t>(n) * element_bytes(in.type));
        const std::size_t bytes = element_bytes(in.type);
        const MPI_Datatype type = moved_type(in.type);
        for_each_piece(size() == 1 ? 0 : n, max_elements_ / size(), [&](std::int64_t first, std::int64_t count) {
            if (count == n) {
                check_mpi(MPI_Iallgather(MPI_IN_PLACE, 0, type, out.data, static_cast<int>(n), type, handle(),
                                         messages->next()),
                          "MPI_Iallgather");
                return;
            }
            const std::size_t slice = static_cast<std::size_t>(count) * bytes;
            std::byte* packed = messages->stage_bytes(slice * static_cast<std::size_t>(size()));
            check_mpi(MPI_Iallgather(at(out, rank() * n + first), static_cast<int>(count), type, packed,
                                     static_cast<int>(count), type, handle(), messages->next()),
                      "MPI_Iallgather");
            messages->finish.emplace_back([=, ranks = size(), me = rank()] {
                for (int r = 0; r < ranks; ++r) {
                    if (r == me) continue;
                    std::memcpy(at(out, r * n + first), packed + static_cast<std::size_t>(r) * slice, slice);
                }
            });
        });
        return work("all_gather", out, std::move(messages));
    }

    std::unique_ptr<Work> all_reduce_sum(Buffer buffer) override {
        auto messages = std::make_unique<Messages>();
        for_each_piece(
            size() == 1 ? 0 : buffer.numel.value, max_elements_, [&](std::int64_t first, std::int64_t count) {
                std::byte* values = at(buffer, first);
                if (buffer.type == ElementType::kBFloat16) {
                    values = messages->stage_bytes(static_cast<std::size_t>(count) * reduced_bytes(buffer.type));
                    stage(buffer, first, count, values);
                    messages->finish.emplace_back([=] { unstage(values, buffer, first, count); });
                }
                check_mpi(MPI_Iallreduce(MPI_IN_PLACE, values, static_cast<int>(count), reduced_type(buffer.type),
                                         MPI_SUM, handle(), messages->next()),
                          "MPI_Iallreduce");
            });
        return work("all_reduce", buffer, std::move(messages));
    }

    std::unique_ptr<Work> broadcast(Buffer buffer, int root) override {
        auto messages = std::make_unique<Messages>();
        for_each_piece(size() == 1 ? 0 : buffer.numel.value, max_elements_,
                       [&](std::int64_t first, std::int64_t count) {
                           check_mpi(MPI_Ibcast(at(buffer, first), static_cast<int>(count), moved_type(buffer.type),
                                                root, handle(), messages->next()),
                                     "MPI_Ibcast");
                       });
        return work("broadcast", buffer, std::move(messages));
    }

  private:
    MPI_Comm handle() const { return comm_.impl().handle; }

    static void for_each_piece(std::int64_t total, std::int64_t limit,
                               const std::function<void(std::int64_t first, std::int64_t count)>& issue) {
        for (std::int64_t first = 0; first < total; first += limit) issue(first, std::min(limit, total - first));
    }

    static void copy(const Buffer& from, const Buffer& to) {
        if (from.data == to.data) return;
        std::memcpy(to.data, from.data, static_cast<std::size_t>(from.numel.value) * element_bytes(from.type));
    }

    std::unique_ptr<Work> work(std::string_view name, const Buffer& buffer, std::unique_ptr<Messages> messages) const {
        return std::make_unique<MpiWork>(
            comm_, fmt::format("{} {} {}", name, element_type_name(buffer.type), buffer.numel.value),
            std::move(messages));
    }

    Comm comm_;
    std::int64_t max_elements_;
};

}  // namespace

std::unique_ptr<Collectives> make_mpi_collectives(const Comm& comm, std::int64_t max_elements) {
    return std::make_unique<MpiCollectives>(comm, max_elements);
}

}  // namespace nepenthe::dist
