// What was saved is held against memory bit for bit.

#include "model/read_back.h"

#include "expected_errors.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "model/checkpoint_io.h"
#include "model/golden_case.h"
#include "model/side_memory.h"
#include "temporary_folder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>

namespace nepenthe::model {
namespace {

using testing::expect_contains;
using testing::message_of;

// Changes the last bit of the last tensor of a file: less than any tolerance of its largest value would see.
std::string change_one_bit(const std::filesystem::path& path) {
    const std::string name = io::SafetensorsFile(path).order().back();
    std::string bytes = io::read_file(path);
    bytes[bytes.size() - 4] = static_cast<char>(bytes[bytes.size() - 4] ^ 1);
    io::write_file_atomically(path, bytes);
    return name;
}

TEST(ReadBack, TakesWhatWasSavedAndSeesOneBit) {
    for (const std::string& family : golden_cases()) {
        for (const Compute compute : {Compute::kFloat32, Compute::kBFloat16}) {
            const nepenthe::testing::TemporaryFolder target;
            Decoder decoder = Decoder::load(golden_folder(family), compute);
            at::Tensor(decoder.parameters().front().tensor).mul_(1.01);
            save_model(decoder, golden_folder(family), target.path());
            EXPECT_NO_THROW(check_saved_model(decoder, golden_folder(family), target.path())) << family;
            const std::string changed = change_one_bit(target.path() / "model.safetensors");
            expect_contains(
                message_of(ErrorKind::kGate, [&] { check_saved_model(decoder, golden_folder(family), target.path()); }),
                changed);
        }
    }
}

TEST(ReadBack, TakesAModelFromScratch) {
    const nepenthe::testing::TemporaryFolder target;
    const Decoder decoder = Decoder::create(read_config(golden_folder("llama")), 3, Compute::kBFloat16);
    save_model(decoder, {}, target.path());
    EXPECT_NO_THROW(check_saved_model(decoder, {}, target.path()));
    const std::string changed = change_one_bit(target.path() / "model.safetensors");
    expect_contains(message_of(ErrorKind::kGate, [&] { check_saved_model(decoder, {}, target.path()); }), changed);
}

TEST(ReadBack, SeesASideMemoryThatDiffers) {
    const nepenthe::testing::TemporaryFolder target;
    Decoder decoder = Decoder::load(golden_folder("llama"), Compute::kFloat32);
    auto memory = std::make_shared<SideMemory>();
    memory->alternatives.push_back({decoder.parameter(decoder.mlp_output_name(0)).clone(), 1.0 / 3});
    decoder.attach_side_memory(memory);
    save_model(decoder, golden_folder("llama"), target.path());
    EXPECT_NO_THROW(check_saved_model(decoder, golden_folder("llama"), target.path()));
    change_one_bit(target.path() / kSideMemoryWeights);
    expect_contains(
        message_of(ErrorKind::kGate, [&] { check_saved_model(decoder, golden_folder("llama"), target.path()); }),
        "side memory");
}

TEST(SideFiles, NeverTakeThePlaceOfWhatIsMade) {
    const nepenthe::testing::TemporaryFolder source, target;
    const Decoder decoder = Decoder::load(golden_folder("llama"), Compute::kFloat32);
    save_model(decoder, golden_folder("llama"), source.path());
    for (const char* name : {"manifest.json", "report.json", "audit.json", "LICENSE", "tokenizer_config.json"})
        source.write(name, "of the source");
    target.write("report.json", "of this run");
    save_model(decoder, source.path(), target.path());
    EXPECT_EQ(io::read_file(target.path() / "report.json"), "of this run");
    EXPECT_EQ(io::read_file(target.path() / "LICENSE"), "of the source");
    EXPECT_EQ(io::read_file(target.path() / "tokenizer_config.json"), "of the source");
    for (const char* name : {"manifest.json", "audit.json"})
        EXPECT_FALSE(std::filesystem::exists(target.path() / name));
}

}  // namespace
}  // namespace nepenthe::model
