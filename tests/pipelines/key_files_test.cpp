// Names hold the files that determine content: each file of a model counts, strays beside what is read do not, and what
// was changed in place is not believed.
#include "key_cases.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

namespace nepenthe::pipelines {
namespace {

namespace fs = std::filesystem;

// `change` in place, then back.
void while_changed(const std::string& path, const std::function<void(const fs::path&)>& change,
                   const std::function<void()>& look) {
    const bool was_there = fs::exists(path);
    const std::string before = was_there ? io::read_file(path) : "";
    change(path);
    look();
    if (was_there) {
        std::ofstream(path, std::ios::binary) << before;
    } else {
        fs::remove(path);
    }
}

// Each file of a model, by the option that names its folder: at the same size, or new.
void check_model_files(const Case& one, const std::string& model) {
    const std::string base = name_of(one, one.base);
    const auto expect_other = [&](const std::string& file, const std::function<void(const fs::path&)>& change) {
        while_changed(in().path(model + "/" + file), change,
                      [&] { EXPECT_NE(name_of(one, one.base), base) << one.verb << ": " << model << "/" << file; });
    };
    const auto flip = [](const fs::path& path) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(-1, std::ios::end);
        const int last = file.get();
        file.seekp(-1, std::ios::end);
        file.put(static_cast<char>(last ^ 1));
    };
    const auto put = [](const std::string& text) {
        return [text](const fs::path& path) { std::ofstream(path) << text; };
    };
    expect_other("model.safetensors", flip);
    expect_other("generation_config.json", put(R"({"bos_token_id": 1, "eos_token_id": [2, 3]})"));
    expect_other("tokenizer_config.json", put(R"({"bos_token": "<s>", "eos_token": "<unk>"})"));
    expect_other("special_tokens_map.json", put(R"({"bos_token": "<s>"})"));
    expect_other("chat_template.jinja", put("{{ messages }}"));
    expect_other("tokenizer.json", [](const fs::path& path) {
        Json tokenizer = parse_json(io::read_file(path), path.string());
        tokenizer["post_processor"] = nullptr;
        std::ofstream(path) << tokenizer.dump();
    });
    expect_other("config.json", [](const fs::path& path) {
        Json config = parse_json(io::read_file(path), path.string());
        config["rms_norm_eps"] = 1e-3;
        std::ofstream(path) << config.dump();
    });
    for (const char* stray : {"notes.txt", "README.md", "model.safetensors.bak", "training_args.bin"}) {
        while_changed(in().path(model + "/" + stray), put("stray"),
                      [&] { EXPECT_EQ(name_of(one, one.base), base) << one.verb << ": a stray " << stray; });
    }
}

TEST(KeyFiles, EveryFileOfAModelCountsAndNoOther) {
    check_model_files(train_case(), "model");
    check_model_files(trace_case(), "model");
    check_model_files(relabel_case(), "model");
    check_model_files(evaluate_case(), "other-model");
    check_model_files(stats_case(), "model");
    check_model_files(edit_case("memit", {}), "model");
    check_model_files(wise_case(), "model");
    check_model_files(ike_case(), "model");
}

TEST(KeyFiles, StrayFilesBesideWhatTasksReadDoNotCount) {
    const Case one = evaluate_case();
    const std::string base = name_of(one, one.base);
    for (const char* stray :
         {"data/stray.jsonl", "data/notes.txt", "tofu/retain.json", "tofu/notes.txt", "muse/privleak/retain.json"}) {
        while_changed(
            in().path(stray), [](const fs::path& path) { std::ofstream(path) << "{}\n"; },
            [&] { EXPECT_EQ(name_of(one, one.base), base) << stray; });
    }
}

TEST(KeyFiles, AnAlteredArtefactIsRefused) {
    const Case one = forget_case();
    const std::string file = in().labels + "/labels.h5";
    while_changed(
        file,
        [](const fs::path& path) {
            std::fstream bytes(path, std::ios::in | std::ios::out | std::ios::binary);
            bytes.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
            bytes.put('#');
        },
        [&] {
            try {
                name_of(one, one.base);
                ADD_FAILURE() << "labels that were changed in place were believed";
            } catch (const Error& error) {
                EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
            }
        });
}

}  // namespace
}  // namespace nepenthe::pipelines
