#include "expected_errors.h"
#include "io/safetensors.h"
#include "temporary_folder.h"

#include <sys/stat.h>

namespace nepenthe::io {
namespace {

using testing::expect_contains;
using testing::message_of;

class Checkpoints : public ::testing::Test {
  protected:
    void shard(const std::string& name, const std::vector<std::string>& tensors) {
        std::vector<TensorToWrite> content;
        for (const std::string& tensor : tensors) content.push_back({tensor, DType::kU8, {2}, as_bytes("xy")});
        write_safetensors(folder_.path() / name, content, {});
    }
    void index(const Json& weight_map) {
        folder_.write("model.safetensors.index.json", Json{{"weight_map", weight_map}}.dump());
    }
    std::string refusal(ErrorKind kind = ErrorKind::kData) {
        return message_of(kind, [&] { open_checkpoint(folder_.path()); });
    }

    testing::TemporaryFolder folder_;
};

TEST_F(Checkpoints, OpensASingleFile) {
    shard("model.safetensors", {"a", "b"});
    const Checkpoint checkpoint = open_checkpoint(folder_.path());
    EXPECT_EQ(checkpoint.file_names, (std::vector<std::string>{"model.safetensors"}));
    EXPECT_EQ(checkpoint.find("b")->shape, (std::vector<std::int64_t>{2}));
    EXPECT_EQ(checkpoint.find("c"), nullptr);
}

TEST_F(Checkpoints, OpensShards) {
    shard("m-1.safetensors", {"a", "b"});
    shard("m-2.safetensors", {"c"});
    index({{"a", "m-1.safetensors"}, {"b", "m-1.safetensors"}, {"c", "m-2.safetensors"}});
    const Checkpoint checkpoint = open_checkpoint(folder_.path());
    EXPECT_EQ(checkpoint.file_names, (std::vector<std::string>{"m-1.safetensors", "m-2.safetensors"}));
    EXPECT_EQ(checkpoint.file_of_tensor.at("c"), 1u);
    EXPECT_NE(checkpoint.find("a"), nullptr);
}

TEST_F(Checkpoints, ListEveryDifferenceBetweenIndexAndShards) {
    shard("m-1.safetensors", {"a", "extra", "both"});
    shard("m-2.safetensors", {"both"});
    index({{"a", "m-1.safetensors"},
           {"lacking", "m-1.safetensors"},
           {"both", "m-2.safetensors"},
           {"lost", "m-3.safetensors"}});
    const std::string message = refusal();
    expect_contains(message, "tensor lacking: the index places it in m-1.safetensors, which lacks it");
    expect_contains(message, "tensor extra: lies in m-1.safetensors, but not in the index");
    expect_contains(message, "tensor both: lies in m-1.safetensors, the index places it in m-2.safetensors");
    expect_contains(message, "m-3.safetensors: No such file");
    expect_contains(message, "4 problems");
}

TEST_F(Checkpoints, TakeNoShardFromOutside) {
    testing::TemporaryFolder outside;
    shard("m.safetensors", {"a"});
    std::filesystem::copy_file(folder_.path() / "m.safetensors", outside.path() / "m.safetensors");
    const std::string elsewhere = (outside.path() / "m.safetensors").string();
    const std::string upwards = "../" + outside.path().filename().string() + "/m.safetensors";
    for (const std::string& name :
         {elsewhere, upwards, std::string("./m.safetensors"), std::string("a/../m.safetensors"), std::string(""),
          std::string("."), std::string(".."), std::string("C:\\m"), std::string("m.safetensors\0", 14),
          std::string("m safetensors"), std::string("m\n"), std::string("é"), std::string(5000, 'a')}) {
        index({{"a", name}});
        expect_contains(refusal(), "is not a plain file name");
    }
    std::filesystem::create_symlink(outside.path() / "m.safetensors", folder_.path() / "link.safetensors");
    index({{"a", "link.safetensors"}});
    expect_contains(refusal(), "symbolic link");
}

TEST_F(Checkpoints, TakeOnlyRegularFiles) {
    ASSERT_EQ(::mkfifo((folder_.path() / "pipe").c_str(), 0600), 0);
    std::filesystem::create_directory(folder_.path() / "folder");
    index({{"a", "pipe"}, {"b", "folder"}});
    const std::string message = refusal();
    expect_contains(message, "is a pipe");
    expect_contains(message, "is a folder");
}

TEST_F(Checkpoints, RefuseAMalformedIndex) {
    const std::pair<const char*, const char*> malformed[] = {
        {"", "parse error"},
        {"[]", "weight_map"},
        {"{}", "weight_map"},
        {R"({"weight_map":[]})", "weight_map"},
        {R"({"weight_map":{}})", "names no tensor"},
        {R"({"weight_map":{"a":1,"b":null}})", "2 problems"},
        {R"({"weight_map":{"a":"x","a":"y"}})", "duplicate key"},
    };
    for (const auto& [text, reason] : malformed) {
        folder_.write("model.safetensors.index.json", text);
        expect_contains(refusal(), reason);
    }
}

TEST_F(Checkpoints, AnswerAPickledCheckpointWithTheConversion) {
    folder_.write("pytorch_model.bin", "PK");
    const std::string message = refusal();
    expect_contains(message, "pytorch_model.bin but no safetensors");
    expect_contains(message, "python3 -c");
    expect_contains(message, folder_.path().string() + "-safetensors'");
}

TEST_F(Checkpoints, AnswerQuantisedWeightsWithTheConversion) {
    folder_.write("model-q4.gguf", "GGUF");
    const std::string message = refusal();
    expect_contains(message, "gguf_file=sys.argv[3]");
    expect_contains(message, "'model-q4.gguf'");
}

TEST_F(Checkpoints, SayWhatAFolderLacks) {
    expect_contains(refusal(), "neither model.safetensors nor");
    expect_contains(message_of(ErrorKind::kInputOutput, [&] { open_checkpoint(folder_.path() / "none"); }), "none");
    const auto file = folder_.write("file", "");
    expect_contains(message_of(ErrorKind::kData, [&] { open_checkpoint(file); }), "not a folder");
}

}  // namespace
}  // namespace nepenthe::io
