// What people's checkpoints call the tensors of a model, and which of them are one.
#include "model/checkpoint_layout.h"

#include "base/log.h"
#include "expected_errors.h"
#include "model/checkpoint_io.h"
#include "model/editable_checkpoint.h"
#include "model/family/quantised.h"

#include <gtest/gtest.h>

namespace nepenthe::model {
namespace {

using nepenthe::testing::expect_contains;

std::string bytes_of_file(const std::filesystem::path& path) { return io::read_file(path); }

// A float tensor's bytes with every value changed.
std::vector<float> changed(const io::TensorToWrite& tensor) {
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.5f - values[i] * static_cast<float>(i % 3);
    return values;
}

void set_config(const EditableCheckpoint& checkpoint, const char* key, const Json& value) {
    const auto path = checkpoint.folder.path() / "config.json";
    Json config = parse_json(io::read_file(path), path.string());
    config[key] = value;
    io::write_file_atomically(path, config.dump());
}

at::Tensor logits_of(const EditableCheckpoint& checkpoint, const std::string& golden) {
    const at::NoGradGuard no_grad;
    return Decoder::load(checkpoint.folder.path(), Compute::kFloat32).logits(Expected(golden).plain());
}

// Tied by config.json, two different matrices in the file: transformers does not tie them.
class DifferentHead : public ::testing::Test {
  protected:
    DifferentHead() {
        io::TensorToWrite head = checkpoint.at("model.embed_tokens.weight");
        head.name = "lm_head.weight";
        values = changed(head);
        head.bytes = std::as_bytes(std::span(values));
        checkpoint.tensors.push_back(head);
        checkpoint.write();
    }
    std::vector<float> values;
    EditableCheckpoint checkpoint{"llama_biased_tied"};
};

TEST_F(DifferentHead, IsTheFilesOwn) {
    ::testing::internal::CaptureStderr();
    init_log(0, 1);  // the library's own logger talks on stdout
    const at::Tensor found = logits_of(checkpoint, "llama_biased_tied");
    const std::string talk = ::testing::internal::GetCapturedStderr();
    expect_contains(talk, "lm_head.weight");
    expect_contains(talk, "tie_word_embeddings");
    set_config(checkpoint, "tie_word_embeddings", false);
    EXPECT_TRUE(at::equal(found, logits_of(checkpoint, "llama_biased_tied")));
    EXPECT_GT(relative_error(found, Expected("llama_biased_tied").floats("logits")), 0.1);
}

TEST_F(DifferentHead, IsSavedAsItIs) {
    const Decoder decoder = Decoder::load(checkpoint.folder.path(), Compute::kFloat32);
    EXPECT_FALSE(decoder.config().tied);
    const nepenthe::testing::TemporaryFolder whole, target;
    save_model(decoder, checkpoint.folder.path(), whole.path());
    EXPECT_EQ(bytes_of_file(whole.path() / "model.safetensors"),
              bytes_of_file(checkpoint.folder.path() / "model.safetensors"));
    decoder.parameter("model.embed_tokens.weight").add_(1.0);
    save_model(decoder, checkpoint.folder.path(), target.path());
    const Decoder again = Decoder::load(target.path(), Compute::kFloat32);
    EXPECT_TRUE(at::equal(again.unembedding(), decoder.unembedding()));
    EXPECT_TRUE(at::equal(again.embedding(), decoder.embedding()));
    EXPECT_FALSE(at::equal(again.embedding(), again.unembedding()));
}

TEST(Layout, AMissingHeadSaysHowATiedOneIsMeant) {
    EditableCheckpoint checkpoint("llama_biased_tied");
    set_config(checkpoint, "tie_word_embeddings", false);
    const std::string text = checkpoint.refusal();
    expect_contains(text, "\"lm_head.weight\" [37, 24] is missing");
    expect_contains(text, "tie_word_embeddings");
}

// torch.compile, DataParallel and FSDP leave marks in the names.
TEST(Layout, ReadsNamesWithTheMarksOfWrappedModules) {
    const auto marked = [](const std::string& name, const std::string& mark) {
        const std::size_t layer = name.find("self_attn");
        if (mark != "fsdp") return mark + name;
        return layer == std::string::npos ? "_fsdp_wrapped_module." + name
                                          : std::string(name).insert(layer, "_fsdp_wrapped_module.");
    };
    for (const std::string mark : {"_orig_mod.", "module.", "module._orig_mod.", "_orig_mod.module.", "fsdp"}) {
        SCOPED_TRACE(mark);
        EditableCheckpoint checkpoint("llama");
        for (io::TensorToWrite& tensor : checkpoint.tensors) tensor.name = marked(tensor.name, mark);
        checkpoint.write();
        const at::Tensor found = logits_of(checkpoint, "llama");
        EXPECT_LT(relative_error(found, Expected("llama").floats("logits")), 1e-4);
        const Decoder decoder = Decoder::load(checkpoint.folder.path(), Compute::kFloat32);
        EXPECT_EQ(decoder.mlp_output_name(1), marked("model.layers.1.mlp.down_proj.weight", mark));
        const nepenthe::testing::TemporaryFolder target;
        save_model(decoder, checkpoint.folder.path(), target.path());
        EXPECT_EQ(bytes_of_file(target.path() / "model.safetensors"),
                  bytes_of_file(checkpoint.folder.path() / "model.safetensors"));
    }
}

TEST(Layout, ATensorUnderTwoNamesIsRefused) {
    EditableCheckpoint checkpoint("llama");
    io::TensorToWrite twin = checkpoint.at("model.norm.weight");
    twin.name = "_orig_mod.model.norm.weight";
    checkpoint.tensors.push_back(twin);
    expect_contains(checkpoint.refusal(), "\"_orig_mod.model.norm.weight\" and \"model.norm.weight\"");
}

// The text part of a multimodal model, in the spelling of the hub and in that of transformers 5.
TEST(Layout, ReadsTheTextPartOfAMultimodalModelAndKeepsTheRest) {
    const std::vector<float> vision(6, 0.25f);
    for (const std::string prefix : {"language_model.model.", "model.language_model."}) {
        SCOPED_TRACE(prefix);
        EditableCheckpoint checkpoint("gemma3_text");
        for (io::TensorToWrite& tensor : checkpoint.tensors)
            tensor.name.replace(0, std::string("model.").size(), prefix);
        for (const char* name : {"vision_tower.encoder.weight", "multi_modal_projector.norm.weight"}) {
            checkpoint.tensors.push_back({(prefix.starts_with("model.") ? "model." : "") + std::string(name),
                                          io::DType::kF32,
                                          {2, 3},
                                          std::as_bytes(std::span(vision))});
        }
        const auto path = checkpoint.folder.path() / "config.json";
        Json text = parse_json(io::read_file(path), path.string());
        io::write_file_atomically(
            path,
            Json{{"model_type", "gemma3"}, {"architectures", {"Gemma3ForConditionalGeneration"}}, {"text_config", text}}
                .dump());
        EXPECT_EQ(checkpoint.refusal(), "");
        EXPECT_LT(relative_error(logits_of(checkpoint, "gemma3_text"), Expected("gemma3_text").floats("logits")), 1e-4);
        Decoder decoder = Decoder::load(checkpoint.folder.path(), Compute::kFloat32);
        const nepenthe::testing::TemporaryFolder target, edited;
        save_model(decoder, checkpoint.folder.path(), target.path());
        for (const char* file : {"model.safetensors", "config.json"}) {
            EXPECT_EQ(bytes_of_file(target.path() / file), bytes_of_file(checkpoint.folder.path() / file));
        }
        decoder.parameter(prefix + "norm.weight").add_(1.0);
        save_model(decoder, checkpoint.folder.path(), edited.path());
        const Decoder again = Decoder::load(edited.path(), Compute::kFloat32);
        EXPECT_TRUE(at::equal(again.parameter(prefix + "norm.weight"), decoder.parameter(prefix + "norm.weight")));
    }
    // Where no multimodal model is meant, parts for images belong nowhere.
    EditableCheckpoint checkpoint("gemma3_text");
    checkpoint.tensors.push_back(
        {"vision_tower.encoder.weight", io::DType::kF32, {2, 3}, std::as_bytes(std::span(vision))});
    expect_contains(checkpoint.refusal(), "does not belong");
}

TEST(Quantised, IsSaidByTheMethodsName) {
    const std::map<std::string, Json> methods = {{"fp8", {{"quant_method", "fp8"}, {"weight_block_size", {128, 128}}}},
                                                 {"bitsandbytes", {{"load_in_8bit", true}}},
                                                 {"gptq", {{"quant_method", "gptq"}, {"bits", 4}}},
                                                 {"awq", {{"quant_method", "awq"}}},
                                                 {"compressed-tensors", {{"quant_method", "compressed-tensors"}}},
                                                 {"mxfp4", {{"quant_method", "mxfp4"}}},
                                                 {"torchao", {{"quant_method", "torchao"}}},
                                                 {"NVFP4", {{"quant_algo", "NVFP4"}}},
                                                 {"by an unnamed method", Json::object()}};
    for (const auto& [name, quantisation] : methods) {
        EditableCheckpoint checkpoint("llama");
        set_config(checkpoint, "quantization_config", quantisation);
        const std::string text = checkpoint.refusal();
        expect_contains(text, "quantised (" + name + "), not supported");
        expect_contains(text, "made from");
    }
    EXPECT_EQ(quantisation_of({{"model_type", "llama"}, {"quantization_config", nullptr}}), "");
    EXPECT_EQ(quantisation_of({{"text_config", {{"quantization_config", {{"quant_method", "awq"}}}}}}), "awq");
    EXPECT_EQ(quantisation_of({{"compression_config", {{"quant_method", "compressed-tensors"}}}}),
              "compressed-tensors");
    EXPECT_EQ(quantisation_of(Json::array()), "");
}

// A folder whose config.json has lost what it said.
TEST(Quantised, IsSeenByTheTensorsNames) {
    const std::vector<float> scale(24, 1.0f);
    for (const auto& [name, method] : std::map<std::string, std::string>{{"SCB", "bitsandbytes"},
                                                                         {"qweight", "gptq or awq"},
                                                                         {"g_idx", "gptq"},
                                                                         {"weight_scale_inv", "fp8"},
                                                                         {"weight_packed", "compressed-tensors"},
                                                                         {"weight.absmax", "bitsandbytes"}}) {
        EditableCheckpoint checkpoint("llama");
        checkpoint.tensors.push_back(
            {"model.layers.0.mlp.down_proj." + name, io::DType::kF32, {24}, std::as_bytes(std::span(scale))});
        expect_contains(checkpoint.refusal(), "quantised (" + method + "), not supported");
    }
    // No plain checkpoint is taken for one.
    for (const std::string& name : golden_cases()) {
        for (const TensorSpec& spec : tensor_specs(read_config(golden_folder(name)))) {
            EXPECT_EQ(quantisation_of_tensor(spec.name), "") << spec.name;
        }
    }
}

}  // namespace
}  // namespace nepenthe::model
