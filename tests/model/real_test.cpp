// Gemma 3 270M and TinyStories-656K on novels and prompts against transformers: tests/golden/make_real_models.py wrote
// the numbers.
#include "io/text.h"
#include "model/checkpoint_io.h"
#include "model/generate.h"
#include "model/model_files.h"
#include "model/score.h"
#include "temporary_folder.h"
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>

namespace nepenthe::model {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 1e-4;  // relative, of the summed negative log-likelihood

struct RealModel {
    std::string name;
    fs::path folder;
};

const std::vector<RealModel>& real_models() {
    static const std::vector<RealModel> models{
        {"gemma-3-270m", fs::path(NEPENTHE_DEPS) / "models/gemma-3-270m"},
        {"tinystories-656k", fs::path(NEPENTHE_SHARED_DATA) / "models/tinystories-656k"}};
    return models;
}

const Json& golden() {
    static const Json json = [] {
        std::ifstream file(fs::path(NEPENTHE_SOURCE_DIR) / "tests/golden/real_models.json");
        return Json::parse(file);
    }();
    return json;
}

class Real : public ::testing::TestWithParam<std::size_t> {
  protected:
    const RealModel& model() const { return real_models()[GetParam()]; }
    const Json& expected() const { return golden()["models"][model().name]; }
};

TEST_P(Real, NovelsScoreAsInTransformers) {
    const Decoder decoder = Decoder::load(model().folder, Compute::kFloat32);
    const text::Tokenizer tokenizer = text::Tokenizer::load(model().folder);
    for (const auto& [novel, numbers] : expected()["nll"].items()) {
        std::string content = io::read_text(fs::path(NEPENTHE_SHARED_DATA) / "text/gutenberg" / (novel + ".txt"));
        content.resize(io::bytes_of_code_points(content, golden()["characters"].get<std::size_t>()));
        const std::vector<text::TokenId> ids = tokenizer.encode_ids(content, true);
        const auto requests = sliding_windows(
            ids, {.window = golden()["window"].get<std::int64_t>(), .stride = golden()["stride"].get<std::int64_t>()});
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
    const Decoder decoder = Decoder::load(model().folder, Compute::kFloat32);
    std::vector<std::vector<text::TokenId>> prompts, wanted;
    std::vector<std::uint64_t> numbers;
    for (const Json& prompt : expected()["prompts"]) {
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

TEST_P(Real, SavingUntouchedKeepsEveryByte) {
    const nepenthe::testing::TemporaryFolder target;
    save_model(Decoder::load(model().folder, Compute::kBFloat16), model().folder, target.path());
    EXPECT_EQ(model_digest(target.path()), model_digest(model().folder));
    std::size_t files = 0, copies = 0;
    for (const auto& entry : fs::directory_iterator(model().folder)) {
        files += entry.is_regular_file() ? 1 : 0;
        copies += fs::exists(target.path() / entry.path().filename()) ? 1 : 0;
    }
    EXPECT_EQ(copies, files);
}

INSTANTIATE_TEST_SUITE_P(Models, Real, ::testing::Range(std::size_t{0}, real_models().size()),
                         [](const ::testing::TestParamInfo<std::size_t>& test) {
                             return test.param == 0 ? std::string("gemma3") : std::string("tinystories");
                         });

}  // namespace
}  // namespace nepenthe::model
