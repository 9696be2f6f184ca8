// Weights in and out: what is refused, and what comes back byte for byte.
#include "base/error.h"
#include "expected_errors.h"
#include "io/file.h"
#include "model/checkpoint_io.h"
#include "model/editable_checkpoint.h"
#include "model/golden_case.h"
#include "model/model_files.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <set>

namespace nepenthe::model {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) { return io::read_file(path); }

std::set<std::string> file_names(const fs::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
        names.insert(entry.path().filename().string());
    }
    return names;
}

TEST(Load, ListsEveryBadTensorAtOnce) {
    EditableCheckpoint checkpoint("llama");
    std::vector<float> poisoned(24, 1.0f);
    poisoned[3] = std::numeric_limits<float>::quiet_NaN();
    checkpoint.at("model.norm.weight").bytes = std::as_bytes(std::span(poisoned));
    checkpoint.at("model.layers.0.mlp.up_proj.weight").shape = {24, 36};
    checkpoint.at("model.layers.1.self_attn.q_proj.weight").name = "model.layers.1.self_attn.query.weight";
    const std::string text = checkpoint.refusal();
    for (const char* part : {"model.norm.weight\" holds a NaN or infinity at element 3", "up_proj.weight\" is [24, 36]",
                             "\"model.layers.1.self_attn.q_proj.weight\" [40, 24] is missing",
                             "\"model.layers.1.self_attn.query.weight\" does not belong"}) {
        EXPECT_TRUE(nepenthe::testing::mentions(text, part)) << part << "\n" << text;
    }
}

TEST(Load, RefusesIntegersWhereWeightsBelong) {
    EditableCheckpoint checkpoint("llama");
    checkpoint.at("model.norm.weight").dtype = io::DType::kI32;
    EXPECT_TRUE(nepenthe::testing::mentions(checkpoint.refusal(), "I32"));
}

TEST(Load, IgnoresBuffersThatOldCheckpointsStore) {
    EditableCheckpoint checkpoint("gpt2");
    const std::vector<std::uint8_t> triangle(16, 1);
    checkpoint.tensors.push_back(
        {"transformer.h.0.attn.bias", io::DType::kU8, {1, 1, 4, 4}, std::as_bytes(std::span(triangle))});
    EXPECT_EQ(checkpoint.refusal(), "");
    // It is still there after saving.
    const nepenthe::testing::TemporaryFolder target;
    save_model(Decoder::load(checkpoint.folder.path(), Compute::kFloat32), checkpoint.folder.path(), target.path());
    EXPECT_EQ(read(target.path() / "model.safetensors"), read(checkpoint.folder.path() / "model.safetensors"));
}

TEST(Load, AcceptsATiedHeadThatIsStored) {
    EditableCheckpoint checkpoint("llama_biased_tied");
    io::TensorToWrite head = checkpoint.at("model.embed_tokens.weight");
    head.name = "lm_head.weight";
    checkpoint.tensors.push_back(head);
    EXPECT_EQ(checkpoint.refusal(), "");
    // A changed embedding changes the stored copy with it.
    Decoder decoder = Decoder::load(checkpoint.folder.path(), Compute::kFloat32);
    decoder.parameter("model.embed_tokens.weight").add_(1.0);
    const nepenthe::testing::TemporaryFolder target;
    save_model(decoder, checkpoint.folder.path(), target.path());
    const io::SafetensorsFile saved(target.path() / "model.safetensors");
    const auto bytes = [&](const char* name) {
        const Bytes span = saved.tensors().at(name).bytes;
        return std::string(reinterpret_cast<const char*>(span.data()), span.size());
    };
    EXPECT_EQ(bytes("lm_head.weight"), bytes("model.embed_tokens.weight"));
}

TEST(Load, FindsATiedMatrixUnderTheHeadsNameAlone) {
    EditableCheckpoint checkpoint("llama_biased_tied");
    checkpoint.at("model.embed_tokens.weight").name = "lm_head.weight";
    EXPECT_EQ(checkpoint.refusal(), "");
    const Decoder decoder = Decoder::load(checkpoint.folder.path(), Compute::kFloat32);
    EXPECT_TRUE(decoder.parameter("lm_head.weight").is_same(decoder.unembedding()));
    const nepenthe::testing::TemporaryFolder target;
    save_model(decoder, checkpoint.folder.path(), target.path());
    EXPECT_EQ(read(target.path() / "model.safetensors"), read(checkpoint.folder.path() / "model.safetensors"));
}

TEST(Load, ReadsACheckpointWithoutTheFamilysPrefix) {
    EditableCheckpoint checkpoint("gpt2");
    for (io::TensorToWrite& tensor : checkpoint.tensors) {
        tensor.name = tensor.name.substr(std::string("transformer.").size());
    }
    EXPECT_EQ(checkpoint.refusal(), "");
    const Decoder bare = Decoder::load(checkpoint.folder.path(), Compute::kFloat32);
    const Decoder full = Decoder::load(golden_folder("gpt2"), Compute::kFloat32);
    const Expected expected("gpt2");
    EXPECT_TRUE(at::equal(bare.logits(expected.plain()), full.logits(expected.plain())));
    EXPECT_EQ(bare.mlp_output_name(1), "h.1.mlp.c_proj.weight");
}

TEST(Save, AnUntouchedModelComesBackByteForByte) {
    for (const std::string& name : golden_cases()) {
        for (const Compute compute : {Compute::kFloat32, Compute::kBFloat16}) {
            const nepenthe::testing::TemporaryFolder target;
            save_model(Decoder::load(golden_folder(name), compute), golden_folder(name), target.path());
            for (const char* file : {"model.safetensors", "config.json"}) {
                EXPECT_EQ(read(target.path() / file), read(golden_folder(name) / file)) << name;
            }
        }
    }
}

// The tiny Llama in two shards, as transformers splits large models.
void write_shards(const fs::path& folder) {
    EditableCheckpoint whole("llama");
    const std::size_t half = whole.tensors.size() / 2;
    Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
    for (std::size_t part = 0; part < 2; ++part) {
        const std::string name = "model-0000" + std::to_string(part + 1) + "-of-00002.safetensors";
        const auto begin = whole.tensors.begin() + static_cast<std::ptrdiff_t>(part * half);
        const auto end = part == 0 ? begin + static_cast<std::ptrdiff_t>(half) : whole.tensors.end();
        io::write_safetensors(folder / name, {begin, end}, {{"format", "pt"}});
        std::for_each(begin, end, [&](const io::TensorToWrite& tensor) { index["weight_map"][tensor.name] = name; });
    }
    std::ofstream(folder / "model.safetensors.index.json") << index.dump(1);
    fs::copy_file(golden_folder("llama") / "config.json", folder / "config.json");
}

TEST(Save, KeepsShardsSideFilesAndOrder) {
    const nepenthe::testing::TemporaryFolder source, target;
    write_shards(source.path());
    std::ofstream(source.path() / "tokenizer.json") << "{\"odd\":  \"spacing\"}\n";
    std::ofstream(source.path() / "generation_config.json") << "{}";
    std::ofstream(source.path() / "manifest.json") << "of the artefact";
    std::ofstream(source.path() / "pytorch_model.bin") << "old weights";
    std::ofstream(source.path() / "notes.txt") << "not the model's";
    Decoder decoder = Decoder::load(source.path(), Compute::kFloat32);
    save_model(decoder, source.path(), target.path());
    std::set<std::string> wanted = file_names(source.path());
    wanted.erase("manifest.json");
    wanted.erase("pytorch_model.bin");
    wanted.erase("notes.txt");
    EXPECT_EQ(file_names(target.path()), wanted);
    for (const std::string& name : wanted) {
        EXPECT_EQ(read(target.path() / name), read(source.path() / name)) << name;
    }
}

TEST(Save, RoundsAChangedTensorOnceAndLeavesTheOthers) {
    EditableCheckpoint checkpoint("llama");
    std::vector<at::Tensor> rounded;
    for (io::TensorToWrite& tensor : checkpoint.tensors) {
        rounded.push_back(tensor_from_bytes({tensor.dtype, tensor.shape, tensor.bytes, nullptr}, at::kBFloat16));
        tensor.dtype = io::DType::kBF16;
        tensor.bytes = bytes_of(rounded.back());
    }
    checkpoint.write();
    Decoder decoder = Decoder::load(checkpoint.folder.path(), Compute::kFloat32);
    at::Tensor changed = decoder.parameter("model.norm.weight");
    changed.mul_(1.013);  // more than half a bf16 step, and not a bf16 value
    const nepenthe::testing::TemporaryFolder target;
    save_model(decoder, checkpoint.folder.path(), target.path());
    const io::SafetensorsFile before(checkpoint.folder.path() / "model.safetensors"),
        after(target.path() / "model.safetensors");
    for (const auto& [name, view] : before.tensors()) {
        EXPECT_EQ(after.tensors().at(name).dtype, io::DType::kBF16);
        const bool same = std::ranges::equal(view.bytes, after.tensors().at(name).bytes);
        EXPECT_EQ(same, name != "model.norm.weight") << name;
    }
    EXPECT_TRUE(at::equal(tensor_from_bytes(after.tensors().at("model.norm.weight"), at::kBFloat16),
                          changed.to(at::kBFloat16)));
    EXPECT_NE(model_digest(target.path()), model_digest(checkpoint.folder.path()));
}

TEST(Save, RefusesASourceOfAnotherModel) {
    const nepenthe::testing::TemporaryFolder target;
    EXPECT_THROW(
        save_model(Decoder::load(golden_folder("qwen3"), Compute::kFloat32), golden_folder("llama"), target.path()),
        Error);
}

TEST(Create, IsAFunctionOfTheSeedAndCanBeLoadedAgain) {
    const DecoderConfig config = read_config(golden_folder("gemma3_text"));
    const Decoder first = Decoder::create(config, 5, Compute::kFloat32),
                  second = Decoder::create(config, 5, Compute::kFloat32);
    const Decoder other = Decoder::create(config, 6, Compute::kFloat32);
    const Expected expected("gemma3_text");
    const at::Tensor logits = first.logits(expected.plain());
    EXPECT_TRUE(at::equal(logits, second.logits(expected.plain())));
    EXPECT_FALSE(at::equal(logits, other.logits(expected.plain())));
    EXPECT_NEAR(first.parameter("model.embed_tokens.weight").std().item<double>(), 0.02, 0.002);
    const nepenthe::testing::TemporaryFolder target;
    save_model(first, {}, target.path());
    EXPECT_TRUE(at::equal(Decoder::load(target.path(), Compute::kFloat32).logits(expected.plain()), logits));
}

}  // namespace
}  // namespace nepenthe::model
