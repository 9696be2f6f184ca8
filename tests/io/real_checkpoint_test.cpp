// Checkpoints as others write them, read by us and by the published Python reader.

#include "io/safetensors.h"

#include "base/error.h"
#include "material.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

namespace nepenthe::io {
namespace {

// One line a tensor: name, dtype as torch names it, shape, SHA-256 of the bytes.
constexpr const char* kReader = R"(
import hashlib, sys, torch
from safetensors import safe_open
with safe_open(sys.argv[1], "pt") as f:
    for name in sorted(f.keys()):
        t = f.get_tensor(name).contiguous()
        digest = hashlib.sha256(t.view(-1).view(torch.uint8).numpy()).hexdigest()
        print(name, t.dtype, str(list(t.shape)).replace(" ", ""), digest)
)";

std::string torch_name(DType dtype) {
    switch (dtype) {
        case DType::kF32: return "torch.float32";
        case DType::kF16: return "torch.float16";
        case DType::kBF16: return "torch.bfloat16";
        default: return "torch." + std::string(dtype_name(dtype));
    }
}

std::string output_of(const std::string& command) {
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) fail(ErrorKind::kInputOutput, "cannot run {}", command);
    std::string output;
    char buffer[4096];
    while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, count);
    if (::pclose(pipe) != 0) fail(ErrorKind::kInputOutput, "failed: {}", command);
    return output;
}

std::string described_by_us(const std::filesystem::path& folder) {
    const Checkpoint checkpoint = open_checkpoint(folder);
    std::string text;
    for (const auto& [name, file] : checkpoint.file_of_tensor) {
        const TensorView& tensor = *checkpoint.find(name);
        text += fmt::format("{} {} {} {}\n", name, torch_name(tensor.dtype), Json(tensor.shape).dump(),
                            Sha256().update(tensor.bytes).hex());
    }
    return text;
}

std::string described_by_the_published_reader(const std::filesystem::path& folder) {
    testing::TemporaryFolder scratch;
    const auto script = scratch.write("reader.py", kReader);
    return output_of(
        fmt::format("{} {} '{}'", NEPENTHE_PYTHON, script.string(), (folder / "model.safetensors").string()));
}

class PublishedCheckpoint : public ::testing::TestWithParam<std::string> {};

TEST_P(PublishedCheckpoint, ReadsAsThePublishedReaderDoes) {
    const std::string ours = described_by_us(GetParam());
    EXPECT_GT(std::count(ours.begin(), ours.end(), '\n'), 10);
    EXPECT_EQ(ours, described_by_the_published_reader(GetParam()));
}

TEST_P(PublishedCheckpoint, IsRewrittenByteForByte) {
    const Checkpoint checkpoint = open_checkpoint(GetParam());
    ASSERT_EQ(checkpoint.files.size(), 1u);
    std::vector<TensorToWrite> tensors;
    for (const std::string& name : checkpoint.files[0].order()) {
        const TensorView& tensor = checkpoint.files[0].tensors().at(name);
        tensors.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
    }
    testing::TemporaryFolder folder;
    const std::string digest =
        write_safetensors(folder.path() / "model.safetensors", tensors, checkpoint.files[0].metadata());
    EXPECT_EQ(digest, file_digest(std::filesystem::path(GetParam()) / "model.safetensors"));
}

INSTANTIATE_TEST_SUITE_P(Models, PublishedCheckpoint,
                         ::testing::Values(nepenthe::testing::kStories.string(), NEPENTHE_DEPS "/models/gemma-3-270m",
                                           NEPENTHE_DEPS "/models/smollm2-135m-instruct"));

}  // namespace
}  // namespace nepenthe::io
