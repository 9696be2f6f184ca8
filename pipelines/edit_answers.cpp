#include "pipelines/edit_answers.h"

#include "dist/guard.h"
#include "model/generate.h"

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

constexpr std::size_t kAnswers = 5;
constexpr std::int64_t kTokens = 10;  // an answer

}  // namespace

SampleAnswers::SampleAnswers(const std::vector<edit::Fact>& facts, const text::Tokenizer& tokenizer)
    : facts_(facts), tokenizer_(tokenizer), count_(std::min(kAnswers, facts.size())) {}

std::string SampleAnswers::one(const model::Decoder& decoder, std::size_t fact) const {
    model::GenerateOptions options;
    options.max_new_tokens = kTokens;
    options.stop = tokenizer_.ends();
    const auto prompt = tokenizer_.encode_ids(facts_[fact].sentence(), /*add_special_tokens=*/true);
    return tokenizer_.decode(model::generate(decoder, {prompt}, options, {0})[0], /*skip_special_tokens=*/true);
}

std::vector<std::string> SampleAnswers::all(const dist::Comm& comm, const model::Decoder& decoder) const {
    Json answers = Json::array();
    dist::run_agreed(comm, "answers", [&] {
        for (std::size_t fact = 0; comm.is_root() && fact < count_; ++fact) answers.push_back(one(decoder, fact));
    });
    std::string packed = answers.dump();
    comm.broadcast(packed);
    return Json::parse(packed).get<std::vector<std::string>>();
}

Json SampleAnswers::to_json(const std::vector<std::string>& before, const std::vector<std::string>& after) const {
    Json answers = Json::array();
    for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
        answers.push_back(
            {{"id", facts_[i].id}, {"prompt", facts_[i].sentence()}, {"before", before[i]}, {"after", after[i]}});
    }
    return answers;
}

}  // namespace nepenthe::pipelines
