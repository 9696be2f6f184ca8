#include "evaluate/tofu_files.h"

#include "base/error.h"
#include "io/text.h"

#include <utility>

namespace nepenthe::evaluate {

namespace {

std::string tofu_text(const Json& row, const char* name) {
    const auto found = row.find(name);
    if (found == row.end() || !found->is_string() || found->get_ref<const std::string&>().empty()) {
        fail(ErrorKind::kData, "no \"{}\"", name);
    }
    return found->get<std::string>();
}

TofuItem item_of(TofuSet set, const Json& row) {
    if (!row.is_object()) fail(ErrorKind::kData, "not a JSON object");
    TofuItem item{set, tofu_text(row, "question"), tofu_text(row, "answer"), "", {}};
    const bool invented = set == TofuSet::kForget || set == TofuSet::kRetain;
    item.paraphrased =
        invented && row.contains("paraphrased_answer") ? tofu_text(row, "paraphrased_answer") : item.answer;
    const auto found = row.find("perturbed_answer");
    if (found == row.end() || !found->is_array() || found->empty())
        fail(ErrorKind::kData, "no list \"perturbed_answer\"");
    for (const Json& answer : *found) {
        if (!answer.is_string()) fail(ErrorKind::kData, "\"perturbed_answer\" holds something that is no text");
        item.perturbed.push_back(answer.get<std::string>());
    }
    return item;
}

}  // namespace

std::string tofu_set_name(TofuSet set) {
    switch (set) {
        case TofuSet::kForget: return "forget";
        case TofuSet::kRetain: return "retain";
        case TofuSet::kRealAuthors: return "real_authors";
        case TofuSet::kWorldFacts: return "world_facts";
    }
    fail(ErrorKind::kInternal, "unknown TOFU set");
}

std::vector<std::filesystem::path> tofu_files(const std::filesystem::path& folder, const std::string& forget) {
    std::vector<std::filesystem::path> files;
    for (const TofuSet set : kTofuSets) {
        files.push_back(folder / ((set == TofuSet::kForget ? forget : tofu_set_name(set)) + "_perturbed.json"));
    }
    return files;
}

std::vector<TofuItem> read_tofu(const std::filesystem::path& folder, const std::string& forget, std::int64_t limit) {
    const auto files = tofu_files(folder, forget);
    std::vector<TofuItem> items;
    for (std::size_t i = 0; i < files.size(); ++i) {
        std::int64_t read = 0;
        io::for_each_json_line(files[i], [&](std::size_t, const Json& row) {
            if (limit > 0 && read >= limit) return;
            items.push_back(item_of(kTofuSets[i], row));
            ++read;
        });
        if (read == 0) fail(ErrorKind::kData, "{} holds no questions", files[i].string());
    }
    return items;
}

}  // namespace nepenthe::evaluate
