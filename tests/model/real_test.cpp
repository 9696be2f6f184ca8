// Real models on texts and prompts against transformers: Gemma 3 270M, SmolLM2-135M-Instruct and the tests' small model
// on texts of our own, TinyStories-656K on published novels. tests/golden/make_real_models.py wrote the numbers.
#include "base/hash.h"
#include "base/json.h"
#include "io/file.h"
#include "io/text.h"
#include "material.h"
#include "model/checkpoint_io.h"
#include "model/generate.h"
#include "model/model_files.h"
#include "model/score.h"
#include "published_data.h"
#include "temporary_folder.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

#include <gtest/gtest.h>

namespace nepenthe::model {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 1e-4;  // relative, of the summed negative log-likelihood

struct RealModel {
    const char* name;
    fs::path (*folder)();
    const char* golden;
    fs::path (*texts)();
};

fs::path of_deps(const char* name) { return fs::path(NEPENTHE_DEPS) / "models" / name; }
fs::path own_texts() { return nepenthe::testing::kMaterial / "text"; }
fs::path novels() { return nepenthe::testing::published_data() / "text/gutenberg"; }

class Real : public ::testing::TestWithParam<RealModel> {
  protected:
    fs::path folder = GetParam().folder();
    Json golden =
        parse_json(io::read_file(fs::path(NEPENTHE_SOURCE_DIR) / "tests/golden" / GetParam().golden), "golden");
    Json expected = golden.at("models").at(GetParam().name);
};

TEST_P(Real, TextsScoreAsInTransformers) {
    const Decoder decoder = Decoder::load(folder, Compute::kFloat32);
    const text::Tokenizer tokenizer = text::Tokenizer::load(folder);
    for (const auto& [novel, numbers] : expected["nll"].items()) {
        std::string content = io::read_text(GetParam().texts() / (novel + ".txt"));
        content.resize(io::bytes_of_code_points(content, golden["characters"].get<std::size_t>()));
        ASSERT_EQ(sha256_hex(content), golden["sha256"][novel].get<std::string>())
            << novel << " is not the text that the numbers are of";
        const std::vector<text::TokenId> ids = tokenizer.encode_ids(content, true);
        const auto requests = sliding_windows(
            ids, {.window = golden["window"].get<std::int64_t>(), .stride = golden["stride"].get<std::int64_t>()});
        double nll = 0;
        std::int64_t tokens = 0;
        for (const ScoreResult& result : score_sequences(decoder, requests)) {
            nll -= result.log_likelihood;
            tokens += result.tokens;
        }
        EXPECT_EQ(tokens, numbers["tokens"].get<std::int64_t>()) << novel;
        const double wanted = numbers["nll_sum"].get<double>();
        EXPECT_NEAR(nll / wanted, 1.0, kTolerance) << novel;
        RecordProperty(novel + "_relative_error", std::to_string(nll / wanted - 1.0));
    }
}

TEST_P(Real, GreedyContinuationsAreTheSameTokenForToken) {
    const Decoder decoder = Decoder::load(folder, Compute::kFloat32);
    std::vector<std::vector<text::TokenId>> prompts, wanted;
    std::vector<std::uint64_t> numbers;
    for (const Json& prompt : expected["prompts"]) {
        prompts.push_back(prompt["ids"].get<std::vector<text::TokenId>>());
        wanted.push_back(prompt["continuation"].get<std::vector<text::TokenId>>());
        numbers.push_back(numbers.size());
    }
    ASSERT_EQ(prompts.size(), 20u);
    GenerateOptions options;
    options.max_new_tokens = static_cast<std::int64_t>(wanted[0].size());
    const auto found = generate(decoder, prompts, options, numbers);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        EXPECT_EQ(found[i], wanted[i]) << "prompt " << i;
    }
}

// What a chat template makes of a conversation (the maker's CONVERSATION) is text with special tokens in it.
TEST_P(Real, AConversationHasTheIdsAndTheAnswerOfTransformers) {
    if (!expected.contains("chat")) return;  // a base model
    const Json& chat = expected["chat"];
    const std::vector<text::ChatMessage> conversation = {{"system", "You answer in one sentence."},
                                                         {"user", "Who lit the lamps of Sarnhollow?"},
                                                         {"assistant", "  Ilvane Korr did.  "},
                                                         {"user", "What was her cat's name?"}};
    const std::string text = text::ChatTemplate::load(folder).render(conversation);
    EXPECT_EQ(text, chat["text"].get<std::string>());
    const text::Tokenizer tokenizer = text::Tokenizer::load(folder);
    const auto ids = tokenizer.encode_ids(text, false);
    EXPECT_EQ(Json(ids), chat["ids"]);
    GenerateOptions options;
    options.max_new_tokens = std::ssize(chat["continuation"]);
    const auto found = generate(Decoder::load(folder, Compute::kFloat32), {ids}, options, {0});
    EXPECT_EQ(Json(found[0]), chat["continuation"]);
}

TEST_P(Real, SavingUntouchedKeepsEveryByte) {
    const nepenthe::testing::TemporaryFolder target;
    save_model(Decoder::load(folder, Compute::kBFloat16), folder, target.path());
    EXPECT_EQ(model_digest(target.path()), model_digest(folder));
    std::size_t files = 0, copies = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
        // A note on where the folder came from is not the model's.
        const std::string name = entry.path().filename();
        if (!entry.is_regular_file() || name == "SOURCE.txt" || name == "README.md") continue;
        ++files;
        copies += fs::exists(target.path() / entry.path().filename()) ? 1 : 0;
    }
    EXPECT_EQ(copies, files);
}

std::string name_of(const ::testing::TestParamInfo<RealModel>& test) {
    std::string name = test.param.name;
    std::erase(name, '-');
    return name;
}

INSTANTIATE_TEST_SUITE_P(
    Models, Real,
    ::testing::Values(RealModel{"gemma-3-270m", [] { return of_deps("gemma-3-270m"); }, "real_models.json", own_texts},
                      RealModel{"smollm2-135m-instruct", [] { return of_deps("smollm2-135m-instruct"); },
                                "real_models.json", own_texts},
                      RealModel{"stories", [] { return nepenthe::testing::kStories; }, "real_models.json", own_texts}),
    name_of);
INSTANTIATE_TEST_SUITE_P(Published, Real,
                         ::testing::Values(RealModel{
                             "tinystories-656k",
                             [] { return nepenthe::testing::published_data() / "models/tinystories-656k"; },
                             "published_models.json", novels}),
                         name_of);

}  // namespace
}  // namespace nepenthe::model
