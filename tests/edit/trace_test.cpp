// Causal tracing against full forward passes with hooks written out, its identities, and any number of ranks.
// specs: editing.md §12, §16 T8.

#include "edit/trace/trace.h"
#include "base/error.h"
#include "edit/trace/trace_average.h"
#include "edit/trace/trace_file.h"
#include "io/text.h"
#include "material.h"
#include "model/golden_case.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "store/hdf5.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>

namespace nepenthe::edit {
namespace {

using nepenthe::testing::kStories;

// What is put back at `token` in a full pass: the clean run's state behind `state_layer`, or its MLP or attention
// outputs in layers [begin, end).
struct Restored {
    std::int64_t token = 0;
    std::int64_t state_layer = -1;
    std::optional<TraceKind> kind = std::nullopt;
    std::int64_t begin = 0, end = 0;
};

// Mean probability of `answer` over corrupted copies by one full forward pass. With `severed`, outputs of this kind at
// the token are held at what the same pass without any restoration gives, above the restored state.
double plain_score(const model::Decoder& decoder, const TraceTokens& tokens, const at::Tensor& noise,
                   text::TokenId answer, const Restored& restored, std::optional<TraceKind> severed = std::nullopt) {
    const std::int64_t copies = noise.size(0);
    const at::Tensor ids =
        at::tensor(std::vector<std::int64_t>(tokens.ids.begin(), tokens.ids.end()), at::kLong).repeat({copies + 1, 1});
    const model::Context context = decoder.context({ids, {}});
    at::Tensor hidden = decoder.embed(ids, context);
    hidden.narrow(0, 1, copies).narrow(1, tokens.subject.begin, noise.size(1)).add_(noise);
    at::Tensor corrupted = hidden.clone();  // a second run beside it, never restored
    const auto restore = [&](at::Tensor& output) {
        for (std::int64_t copy = 1; copy <= copies; ++copy)
            output[copy][restored.token].copy_(output[0][restored.token]);
    };
    const auto hold = [&](at::Tensor& output, const at::Tensor& at_corrupted) {
        output.narrow(0, 1, copies)
            .select(1, restored.token)
            .copy_(at_corrupted.narrow(0, 1, copies).select(1, restored.token));
    };
    for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
        const bool inside = restored.kind.has_value() && layer >= restored.begin && layer < restored.end;
        const bool cut = severed.has_value() && layer > restored.state_layer;
        at::Tensor attention = decoder.attention_output(layer, hidden, context);
        const at::Tensor corrupted_attention = decoder.attention_output(layer, corrupted, context);
        if (inside && *restored.kind == TraceKind::kAttention) restore(attention);
        if (cut && *severed == TraceKind::kAttention) hold(attention, corrupted_attention);
        const at::Tensor stream = decoder.with_attention(layer, hidden, attention);
        const at::Tensor corrupted_stream = decoder.with_attention(layer, corrupted, corrupted_attention);
        at::Tensor mlp = decoder.mlp_output(layer, decoder.mlp_key(layer, hidden, stream));
        const at::Tensor corrupted_mlp = decoder.mlp_output(layer, decoder.mlp_key(layer, corrupted, corrupted_stream));
        if (inside && *restored.kind == TraceKind::kMlp) restore(mlp);
        if (cut && *severed == TraceKind::kMlp) hold(mlp, corrupted_mlp);
        hidden = decoder.after_mlp(layer, stream, mlp);
        corrupted = decoder.after_mlp(layer, corrupted_stream, corrupted_mlp);
        if (layer == restored.state_layer) restore(hidden);
    }
    const at::Tensor logits = decoder.head(hidden.select(1, hidden.size(1) - 1)).to(at::kDouble);
    return at::softmax(logits, 1).select(1, answer).narrow(0, 1, copies).mean().item<double>();
}

constexpr std::int64_t kCopies = 3;

// A prompt of a tiny golden model, its subject in the middle.
TraceTokens golden_tokens(const std::string& family) {
    const at::Tensor ids = model::Expected(family).ids("ids")[0];
    TraceTokens tokens{{}, {2, 4}};
    for (std::int64_t i = 0; i < std::min<std::int64_t>(7, ids.size(0)); ++i) {
        tokens.ids.push_back(static_cast<text::TokenId>(ids[i].item<std::int64_t>()));
    }
    return tokens;
}

at::Tensor noise_for(const model::Decoder& decoder, const TraceTokens& tokens, double deviation) {
    return trace_noise(1, 7, kCopies, tokens.subject.end - tokens.subject.begin, decoder.config().hidden, deviation);
}

void expect_every_cell_as_of_a_full_pass(const model::Decoder& decoder, const TraceTokens& tokens,
                                         std::int64_t window) {
    SCOPED_TRACE(window);
    const at::NoGradGuard no_grad;
    const at::Tensor noise = noise_for(decoder, tokens, 1.0);
    TraceSettings settings;
    settings.window = window;
    const FactTrace trace = trace_fact(decoder, tokens, noise, settings);
    const std::int64_t layers = decoder.config().layers;
    const double tolerance = 1e-5 * trace.high + 1e-9;
    EXPECT_EQ(trace.answer, likeliest_next(decoder, tokens.ids));
    EXPECT_NEAR(trace.low, plain_score(decoder, tokens, noise, trace.answer, {}), tolerance);
    for (std::int64_t token = 0; token < std::ssize(tokens.ids); ++token) {
        for (std::int64_t layer = 0; layer < layers; ++layer) {
            const std::int64_t begin = std::max<std::int64_t>(0, layer - window / 2);
            const std::int64_t end = std::min(layers, layer + window - window / 2);
            const auto at = static_cast<std::size_t>(token * layers + layer);
            EXPECT_NEAR(trace.scores[0][at],
                        plain_score(decoder, tokens, noise, trace.answer, {.token = token, .state_layer = layer}),
                        tolerance)
                << "state " << token << " " << layer;
            for (const TraceKind kind : {TraceKind::kMlp, TraceKind::kAttention}) {
                EXPECT_NEAR(trace.scores[static_cast<std::size_t>(kind)][at],
                            plain_score(decoder, tokens, noise, trace.answer,
                                        {.token = token, .state_layer = -1, .kind = kind, .begin = begin, .end = end}),
                            tolerance)
                    << kTraceKindNames[static_cast<std::size_t>(kind)] << " " << token << " " << layer;
            }
        }
    }
    const std::int64_t last = tokens.subject.end - 1;
    for (std::int64_t layer = 0; layer < layers; ++layer) {
        const Restored state{.token = last, .state_layer = layer};
        EXPECT_NEAR(trace.severed_mlp[static_cast<std::size_t>(layer)],
                    plain_score(decoder, tokens, noise, trace.answer, state, TraceKind::kMlp), tolerance);
        EXPECT_NEAR(trace.severed_attention[static_cast<std::size_t>(layer)],
                    plain_score(decoder, tokens, noise, trace.answer, state, TraceKind::kAttention), tolerance);
    }
}

class TraceFamily : public ::testing::TestWithParam<std::string> {
  protected:
    model::Decoder decoder = model::Decoder::load(model::golden_folder(GetParam()), model::Compute::kFloat32);
    TraceTokens tokens = golden_tokens(GetParam());
};

TEST_P(TraceFamily, EveryCellIsThatOfAFullPass) {
    // Windows of one layer, also of the last alone; of more, which begin in the middle and end there.
    for (const std::int64_t window : {1, 2, 3}) expect_every_cell_as_of_a_full_pass(decoder, tokens, window);
}

TEST(TraceFact, OfAModelWithOneLayerEveryCellIsThatOfAFullPass) {
    model::DecoderConfig config =
        model::Decoder::load(model::golden_folder("llama"), model::Compute::kFloat32).config();
    config.layers = 1;
    const auto decoder = model::Decoder::create(config, 3, model::Compute::kFloat32);
    expect_every_cell_as_of_a_full_pass(decoder, golden_tokens("llama"), 2);
}

TEST_P(TraceFamily, WithoutNoiseLowIsHigh) {
    const FactTrace trace = trace_fact(decoder, tokens, noise_for(decoder, tokens, 0.0), {});
    EXPECT_EQ(trace.low, trace.high);
    for (const auto& scores : trace.scores) {
        for (const double score : scores) EXPECT_NEAR(score, trace.high, 1e-5 * trace.high);
    }
}

TEST_P(TraceFamily, TheLastBlockAtTheLastTokenGivesExactlyHigh) {
    const FactTrace trace = trace_fact(decoder, tokens, noise_for(decoder, tokens, 3.0), {});
    EXPECT_EQ(trace.scores[0].back(), trace.high);
    EXPECT_NE(trace.low, trace.high);
}

TEST_P(TraceFamily, RestoringAllThatTheNoiseTouchedGivesHigh) {
    // The subject is the last token: its state is all that differs between the runs.
    const std::int64_t positions = std::ssize(tokens.ids), layers = decoder.config().layers;
    tokens.subject = {positions - 1, positions};
    const FactTrace trace = trace_fact(decoder, tokens, noise_for(decoder, tokens, 3.0), {});
    for (std::int64_t layer = 0; layer < layers; ++layer) {
        const auto at = static_cast<std::size_t>((positions - 1) * layers + layer);
        EXPECT_NEAR(trace.scores[0][at], trace.high, 1e-5 * trace.high) << layer;
    }
    for (std::int64_t token = 0; token < positions - 1; ++token) {
        EXPECT_EQ(trace.scores[0][static_cast<std::size_t>(token * layers)], trace.low);
    }
}

TEST_P(TraceFamily, WindowsThatAreClippedAtBothEndsAreOneRun) {
    const at::NoGradGuard no_grad;
    TraceSettings settings{.kinds = {TraceKind::kMlp}, .window = 100, .severed = false};
    const at::Tensor noise = noise_for(decoder, tokens, 1.0);
    const FactTrace trace = trace_fact(decoder, tokens, noise, settings);
    const std::int64_t layers = decoder.config().layers;
    const Restored all{.token = 3, .state_layer = -1, .kind = TraceKind::kMlp, .begin = 0, .end = layers};
    for (std::int64_t layer = 0; layer < layers; ++layer) {
        EXPECT_NEAR(trace.scores[0][static_cast<std::size_t>(3 * layers + layer)],
                    plain_score(decoder, tokens, noise, trace.answer, all), 1e-5 * trace.high);
    }
    EXPECT_TRUE(trace.severed_mlp.empty());
}

INSTANTIATE_TEST_SUITE_P(Families, TraceFamily,
                         ::testing::Values("gpt2", "gptj", "gpt_neox", "llama", "olmo2", "gemma3_text", "granite",
                                           "bloom", "opt_post_norm"),
                         [](const auto& family) { return family.param; });

TEST(TracePrompt, RolesOfTokens) {
    using enum TokenRole;
    using Roles = std::vector<TokenRole>;
    EXPECT_EQ(roles_of(0, {1, 4}, 8), Roles{});
    EXPECT_EQ(roles_of(1, {1, 4}, 8), Roles{kFirstSubject});
    EXPECT_EQ(roles_of(2, {1, 4}, 8), Roles{kMiddleSubject});
    EXPECT_EQ(roles_of(3, {1, 4}, 8), Roles{kLastSubject});
    EXPECT_EQ(roles_of(4, {1, 4}, 8), Roles{kFirstFollowing});
    EXPECT_EQ(roles_of(6, {1, 4}, 8), Roles{kFurther});
    EXPECT_EQ(roles_of(7, {1, 4}, 8), Roles{kLast});
    EXPECT_EQ(roles_of(1, {1, 2}, 8), (Roles{kFirstSubject, kLastSubject}));
    EXPECT_EQ(roles_of(2, {1, 2}, 3), (Roles{kFirstFollowing, kLast}));
}

TEST(TracePrompt, BadRecordsAreListed) {
    testing::SharedFolder folder(*testing::world);
    const auto path = folder.path() / "facts.json";
    if (testing::world->is_root()) {
        std::ofstream(path)
            << R"([{"prompt": "A is in", "subject": "B"}, {"subject": "C"}, 7, {"prompt": "D is", "subject": "D"}])";
    }
    testing::world->barrier();
    try {
        read_trace_prompts(path);
        FAIL();
    } catch (const Error& error) {
        const std::string text = error.what();
        for (const char* part : {"record 0", "record 1", "record 2"})
            EXPECT_NE(text.find(part), std::string::npos) << text;
        EXPECT_EQ(text.find("record 3"), std::string::npos) << text;
    }
}

TEST(TraceOptions, NoiseInSigmasOrAsItIs) {
    TraceOptions options;
    parse_noise("0.1", options);
    EXPECT_FALSE(options.noise_in_sigmas);
    EXPECT_EQ(options.noise, 0.1);
    parse_noise("3s", options);
    EXPECT_TRUE(options.noise_in_sigmas);
    EXPECT_EQ(options.noise, 3);
    for (const char* wrong : {"", "s", "3x", "-1", "nan"}) EXPECT_THROW(parse_noise(wrong, options), Error) << wrong;
}

std::vector<TracePrompt> stories() {
    return {{"Once upon a time there was a little girl named Lily. She", "Lily", ""},
            {"Tom and his dog went to the park. They", "Tom", ""},
            {"The cat saw a big ball. The cat", "ball", "no such word"},
            {"One day, Ben and his mom", "Ben", ""},
            {"Sara loved her red hat. She wore the hat", "red hat", ""}};
}

std::string traced(const std::filesystem::path& folder) {
    const auto tokenizer = text::Tokenizer::load(kStories);
    const auto decoder = model::Decoder::load(kStories, model::Compute::kFloat32);
    TraceOptions options;
    options.settings.window = 1;
    const double deviation = 3 * embedding_deviation(decoder, tokenizer, stories());
    const auto cases =
        trace_facts(*testing::world, decoder, tokenizer, stories(), options, deviation, folder / "scratch", "key");
    EXPECT_FALSE(cases[2].correct);
    EXPECT_TRUE(cases[2].trace.scores.empty());
    const TraceAverages averages = average(cases, options.settings, decoder.config().layers);
    EXPECT_EQ(averages.cases, 5);
    EXPECT_EQ(averages.correct, 4);
    EXPECT_GT(averages.high.mean, averages.low.mean);
    const Json proposal = propose_layers(averages, options.settings);
    EXPECT_TRUE(proposal["single"].is_number()) << proposal;
    return write_trace_file(*testing::world, folder / kTraceFile, cases, averages, options.settings,
                            decoder.config().layers, Json::object());
}

TEST(Trace, HoldsItsCasesAndLeavesWrongOnesOut) {
    testing::SharedFolder folder(*testing::world);
    traced(folder.path());
    const store::H5Reader file(folder.path() / kTraceFile, kTraceFormat);
    const auto correct = file.read<std::uint8_t>("/cases/correct_prediction");
    const auto first = file.read<std::int64_t>("/cases/first_token");
    const auto scores = file.read<double>("/scores/mlp");
    EXPECT_EQ(correct, (std::vector<std::uint8_t>{1, 1, 0, 1, 1}));
    const std::uint64_t layers = file.shape("/scores/mlp")[1];
    EXPECT_TRUE(std::isnan(scores[static_cast<std::size_t>(first[2]) * layers]));
    EXPECT_FALSE(std::isnan(scores[static_cast<std::size_t>(first[3]) * layers]));
}

// The digest that tests/mpi/one_digest_test.py compares over rank counts and after kills.
TEST(Trace, PrintsItsDigest) {
    const char* const outputs = std::getenv("NEPENTHE_TEST_OUTPUTS");
    testing::SharedFolder folder(*testing::world);
    const std::filesystem::path path = outputs ? std::filesystem::path(outputs) / ".work" : folder.path();
    if (testing::world->is_root()) std::filesystem::create_directories(path);
    testing::world->barrier();
    const std::string digest = traced(path);
    if (testing::world->is_root()) printf("digest %s\n", digest.c_str());
}

}  // namespace
}  // namespace nepenthe::edit
