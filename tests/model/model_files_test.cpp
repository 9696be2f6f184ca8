// What a model, its tokenizer and an encoder are: every file that is read counts, no other does.
#include "model/model_files.h"

#include "expected_errors.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "model/golden_case.h"
#include "model/sentence_encoder.h"
#include "temporary_folder.h"
#include "text/tokenizer_digest.h"

#include <gtest/gtest.h>

#include <fstream>

namespace nepenthe::model {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

// The tiny Llama with the files of a whole model folder.
class ModelFolder : public ::testing::Test {
  protected:
    void SetUp() override {
        for (const char* name : {"config.json", "model.safetensors"})
            fs::copy_file(golden_folder("llama") / name, path(name));
        write(path("tokenizer.json"), "{}");
        write(path("tokenizer_config.json"), R"({"bos_token": "<s>", "chat_template": "{{ messages }}"})");
        write(path("special_tokens_map.json"), R"({"bos_token": "<s>"})");
        write(path("generation_config.json"), R"({"eos_token_id": [2, 3], "temperature": 0.7})");
        write(path("chat_template.jinja"), "{{ messages }}");
    }
    fs::path path(const std::string& name) const { return folder_.path() / name; }
    // Turns the last byte over and back; the size stays.
    void flip(const std::string& name) const {
        std::string bytes = io::read_file(path(name));
        bytes.back() = static_cast<char>(bytes.back() ^ 1);
        write(path(name), bytes);
    }

    testing::TemporaryFolder folder_;
};

TEST_F(ModelFolder, EveryFileOfTheModelCounts) {
    const std::string before = model_digest(folder_.path());
    for (const std::string& name : model_file_names(folder_.path())) {
        flip(name);
        EXPECT_NE(model_digest(folder_.path()), before) << name;
        flip(name);
    }
    EXPECT_EQ(model_digest(folder_.path()), before);
    for (const char* name : {"vocab.json", "LICENSE", "side_memory.json"}) {
        write(path(name), "new");
        EXPECT_NE(model_digest(folder_.path()), before) << name;
        fs::remove(path(name));
    }
}

TEST_F(ModelFolder, StrayFilesDoNotCount) {
    const std::string before = model_digest(folder_.path()), tokenizer = text::tokenizer_digest(folder_.path());
    for (const char* name :
         {"README.md", "notes.txt", ".DS_Store", "model.safetensors.bak", "pytorch_model.bin", "x.json"})
        write(path(name), "stray");
    fs::create_directory(path("original"));
    write(path("original/config.json"), "stray");
    EXPECT_EQ(model_digest(folder_.path()), before);
    EXPECT_EQ(text::tokenizer_digest(folder_.path()), tokenizer);
}

TEST_F(ModelFolder, TheTokenizerIsAllThatItIsReadFrom) {
    const std::string before = text::tokenizer_digest(folder_.path());
    for (const char* name :
         {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"}) {
        flip(name);
        EXPECT_NE(text::tokenizer_digest(folder_.path()), before) << name;
        flip(name);
    }
    write(path("generation_config.json"), R"({"eos_token_id": [2], "temperature": 0.7})");
    EXPECT_NE(text::tokenizer_digest(folder_.path()), before);
    write(path("generation_config.json"), R"({"eos_token_id": [2, 3], "temperature": 0.9})");
    EXPECT_EQ(text::tokenizer_digest(folder_.path()), before) << "a temperature is no token";
    Json config = parse_json(io::read_file(path("config.json")), "config.json");
    config["eos_token_id"] = 17;
    write(path("config.json"), config.dump());
    const std::string ended = text::tokenizer_digest(folder_.path());
    EXPECT_NE(ended, before);
    config["text_config"]["bos_token_id"] = 5;
    write(path("config.json"), config.dump());
    EXPECT_NE(text::tokenizer_digest(folder_.path()), ended);
}

TEST_F(ModelFolder, ShardsAndTheirIndexCount) {
    const std::string whole = model_digest(folder_.path());
    fs::rename(path("model.safetensors"), path("model-00001-of-00001.safetensors"));
    Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
    const io::SafetensorsFile shard(path("model-00001-of-00001.safetensors"));
    for (const std::string& tensor : shard.order()) index["weight_map"][tensor] = "model-00001-of-00001.safetensors";
    write(path("model.safetensors.index.json"), index.dump());
    const std::string sharded = model_digest(folder_.path());
    EXPECT_NE(sharded, whole) << "what is saved in this layout has other bytes";
    index["metadata"]["total_size"] = 1;
    write(path("model.safetensors.index.json"), index.dump());
    EXPECT_NE(model_digest(folder_.path()), sharded);
}

TEST_F(ModelFolder, AnEncoderIsItsSettingsToo) {
    const std::string before = encoder_digest(folder_.path());
    fs::create_directory(path("1_Pooling"));
    write(path("1_Pooling/config.json"), R"({"pooling_mode_mean_tokens": true})");
    const std::string pooled = encoder_digest(folder_.path());
    EXPECT_NE(pooled, before);
    write(path("sentence_bert_config.json"), R"({"max_seq_length": 128})");
    const std::string limited = encoder_digest(folder_.path());
    EXPECT_NE(limited, pooled);
    write(path("README.md"), "stray");
    write(path("1_Pooling/notes.txt"), "stray");
    EXPECT_EQ(encoder_digest(folder_.path()), limited);
}

}  // namespace
}  // namespace nepenthe::model
