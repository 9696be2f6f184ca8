#include "dist/collectives.h"

#include "base/error.h"

namespace nepenthe::dist {

std::string_view element_type_name(ElementType type) {
    switch (type) {
        case ElementType::kFloat32: return "float32";
        case ElementType::kBFloat16: return "bfloat16";
        case ElementType::kInt64: return "int64";
    }
    return "unknown";
}

std::size_t element_bytes(ElementType type) {
    switch (type) {
        case ElementType::kFloat32: return 4;
        case ElementType::kBFloat16: return 2;
        case ElementType::kInt64: return 8;
    }
    return 0;
}

void check_reduce_scatter(const Buffer& in, const Buffer& out, int ranks) {
    NEPENTHE_CHECK(in.type == out.type);
    NEPENTHE_CHECK(out.numel.value >= 0 && in.numel.value == out.numel.value * ranks);
}

void check_all_gather(const Buffer& in, const Buffer& out, int ranks) { check_reduce_scatter(out, in, ranks); }

RecordingCollectives::RecordingCollectives(std::unique_ptr<Collectives> inner) : inner_(std::move(inner)) {}

int RecordingCollectives::rank() const { return inner_->rank(); }
int RecordingCollectives::size() const { return inner_->size(); }

void RecordingCollectives::record(std::string_view name, const Buffer& buffer) {
    calls_.push_back(fmt::format("{} {} {}", name, element_type_name(buffer.type), buffer.numel.value));
}

std::unique_ptr<Work> RecordingCollectives::reduce_scatter_sum(Buffer in, Buffer out) {
    record("reduce_scatter", in);
    return inner_->reduce_scatter_sum(in, out);
}

std::unique_ptr<Work> RecordingCollectives::all_gather(Buffer in, Buffer out) {
    record("all_gather", out);
    return inner_->all_gather(in, out);
}

std::unique_ptr<Work> RecordingCollectives::all_reduce_sum(Buffer buffer) {
    record("all_reduce", buffer);
    return inner_->all_reduce_sum(buffer);
}

std::unique_ptr<Work> RecordingCollectives::broadcast(Buffer buffer, int root) {
    record("broadcast", buffer);
    return inner_->broadcast(buffer, root);
}

}  // namespace nepenthe::dist
