// Repairs of whole models: the line search, what is saved, the same bytes on any number of ranks, interruptions.
#include "unlearn/repair/repair.h"
#include "base/error.h"
#include "base/hash.h"
#include "material.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <set>

namespace nepenthe::unlearn {
namespace {

const std::filesystem::path kConv1d = std::filesystem::path(NEPENTHE_SOURCE_DIR) / "tests/golden/families/gpt2";

model::Decoder loaded(const std::filesystem::path& folder) {
    return model::Decoder::load(folder, model::Compute::kFloat32);
}

at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type = at::kFloat) {
    return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::TensorOptions().dtype(type));
}

// Every parameter moved a little.
model::Decoder moved_model(const std::filesystem::path& folder) {
    const at::NoGradGuard no_grad;
    model::Decoder moved = loaded(folder);
    std::uint64_t seed = 0;
    for (const auto& [name, tensor] : moved.parameters()) at::Tensor(tensor).add_(normal(tensor.sizes(), ++seed), 0.01);
    return moved;
}

// Of drawn inputs of that place, some of whose entries are larger than others.
at::Tensor drawn_moment(const MovedMaps& maps, std::int64_t width, std::uint64_t seed) {
    const std::int64_t tokens = 3 * width;
    const at::Tensor inputs =
        normal({tokens, width},
               seed + 10 * static_cast<std::uint64_t>(maps.layer) + static_cast<std::uint64_t>(maps.input),
               at::kDouble) *
        at::linspace(0.5, 2, width, at::kDouble);
    return at::matmul(inputs.t(), inputs) / static_cast<double>(tokens);
}

RepairInputs inputs_of(const model::Decoder& base, model::Decoder& model) {
    RepairInputs inputs{base, model, moved_maps(base, model), {}, {}, {}};
    inputs.moments = [&base](const MovedMaps& maps) {
        const std::int64_t width = model::input_width(base.config(), maps.input);
        return RepairMoments{drawn_moment(maps, width, 100), drawn_moment(maps, width, 500)};
    };
    inputs.stored = [](const std::string&) { return at::kFloat; };
    return inputs;
}

// Stands for a perplexity: grows with how far the weights are from the base's.
RepairMeasure distance_from(const model::Decoder& base) {
    return [&base](const model::Decoder& decoder) {
        double sum = 0;
        for (const model::LinearMap& map : model::linear_maps(base))
            sum += (decoder.parameter(map.name) - base.parameter(map.name)).square().sum().item<double>();
        RepairMeasured measured;
        measured.perplexity = 10 + std::sqrt(sum);
        measured.familiarity = std::sqrt(sum);
        return measured;
    };
}

std::string error_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

class Repair : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(Repair, OfAFixedStrengthIsTheClosedFormInEveryMatrix) {
    const at::NoGradGuard no_grad;
    const testing::SharedFolder work(*testing::world);
    const model::Decoder base = loaded(GetParam()), came = moved_model(GetParam());
    model::Decoder model = moved_model(GetParam());
    const RepairInputs inputs = inputs_of(base, model);
    RepairOptions options;
    options.lambdas = {0.4};
    const RepairReport report = repair(*testing::world, inputs, options, work.path(), "key");
    EXPECT_EQ(report.lambda, 0.4);
    ASSERT_EQ(report.curve.size(), 2u);
    EXPECT_EQ(report.curve[0].kept, 1.0);
    EXPECT_LT(report.curve[1].kept, 0.9);
    EXPECT_GT(report.curve[1].kept, 0.1);
    std::int64_t matrices = 0;
    double kept = 0, whole = 0;
    for (const MovedMaps& group : inputs.moved) {
        for (const model::LinearMap& map : group.maps) {
            ++matrices;
            const auto change = [&](const model::Decoder& decoder) {
                const at::Tensor delta =
                    decoder.parameter(map.name).to(at::kDouble) - base.parameter(map.name).to(at::kDouble);
                return map.transposed ? delta.t() : delta;
            };
            const at::Tensor expected =
                repaired_update(change(came), inputs.moments(group), 0.4, options.ridge, "test");
            EXPECT_LT(((change(model) - expected).norm() / expected.norm()).item<double>(), 1e-5) << map.name;
            kept += expected.square().sum().item<double>();
            whole += change(came).square().sum().item<double>();
        }
    }
    EXPECT_EQ(report.moved, matrices);
    EXPECT_NEAR(report.curve[1].kept, std::sqrt(kept / whole), 1e-5);
    // What is no linear map of a layer is as it came.
    std::set<std::string> maps;
    for (const model::LinearMap& map : model::linear_maps(base)) maps.insert(map.name);
    for (const auto& [name, tensor] : model.parameters()) {
        if (maps.contains(name)) continue;
        EXPECT_TRUE(at::equal(tensor, came.parameter(name))) << name;
    }
}

TEST_P(Repair, SolvesForTheScaledUpdate) {
    const at::NoGradGuard no_grad;
    const testing::SharedFolder work(*testing::world);
    const model::Decoder base = loaded(GetParam()), came = moved_model(GetParam());
    for (const double lambda : {0.4, 0.0}) {
        model::Decoder once = moved_model(GetParam()), scaled = moved_model(GetParam());
        const RepairInputs inputs = inputs_of(base, once), more = inputs_of(base, scaled);
        RepairOptions options;
        options.lambdas = {lambda};
        repair(*testing::world, inputs, options, work.path() / fmt::format("once-{}", lambda), "key");
        options.scale = -1.5;
        const RepairReport report =
            repair(*testing::world, more, options, work.path() / fmt::format("scaled-{}", lambda), "key");
        EXPECT_NEAR(report.curve[0].kept, 1.5, 1e-6);
        for (const MovedMaps& group : inputs.moved) {
            for (const model::LinearMap& map : group.maps) {
                const at::Tensor before = base.parameter(map.name);
                const at::Tensor expected = (once.parameter(map.name) - before) * -1.5;
                EXPECT_LT(((scaled.parameter(map.name) - before - expected).norm() / expected.norm()).item<double>(),
                          1e-5)
                    << map.name << ", λ " << lambda;
            }
        }
    }
}

TEST_P(Repair, OfNoStrengthIsTheModelAsItCame) {
    const at::NoGradGuard no_grad;
    const testing::SharedFolder work(*testing::world);
    const model::Decoder base = loaded(GetParam()), came = moved_model(GetParam());
    model::Decoder model = moved_model(GetParam());
    RepairInputs inputs = inputs_of(base, model);
    // Also where saving it would round.
    inputs.stored = [](const std::string&) { return at::kBFloat16; };
    RepairOptions options;
    options.lambdas = {0};
    repair(*testing::world, inputs, options, work.path(), "key");
    for (const auto& [name, tensor] : model.parameters()) EXPECT_TRUE(at::equal(tensor, came.parameter(name))) << name;
}

INSTANTIATE_TEST_SUITE_P(Layouts, Repair, ::testing::Values(nepenthe::testing::kStories, kConv1d),
                         [](const auto& test) { return test.index == 0 ? "Linear" : "Conv1d"; });

TEST(RepairSearch, TakesTheSmallestStrengthWithinTheBudget) {
    const testing::SharedFolder work(*testing::world), other(*testing::world);
    const model::Decoder base = loaded(nepenthe::testing::kStories);
    model::Decoder model = moved_model(nepenthe::testing::kStories);
    RepairInputs inputs = inputs_of(base, model);
    inputs.measure = distance_from(base);
    RepairOptions options;
    options.lambdas = {10, 0.1, 1};
    options.perplexity_budget = 0;
    // Beyond reach: the nearest is named.
    const std::string refused = error_of([&] { repair(*testing::world, inputs, options, work.path(), "key"); });
    EXPECT_NE(refused.find("with λ 10"), std::string::npos) << refused;
    // Half of what the model as it came costs.
    options.perplexity_budget = 0.05 * (*distance_from(base)(moved_model(nepenthe::testing::kStories)).perplexity - 10);
    model::Decoder again = moved_model(nepenthe::testing::kStories);
    RepairInputs more{base, again, inputs.moved, inputs.moments, inputs.stored, inputs.measure};
    const RepairReport report = repair(*testing::world, more, options, other.path(), "key");
    ASSERT_EQ(report.curve.size(), 4u);
    EXPECT_EQ(*report.base.perplexity, 10);
    for (std::size_t i = 1; i < report.curve.size(); ++i) {
        EXPECT_LT(report.curve[i - 1].lambda, report.curve[i].lambda);
        EXPECT_GT(report.curve[i - 1].kept, report.curve[i].kept);
        EXPECT_GT(*report.curve[i - 1].measured.perplexity, *report.curve[i].measured.perplexity);
    }
    std::size_t expected = 0;
    while (*report.curve[expected].measured.perplexity > 10 * (1 + *options.perplexity_budget)) ++expected;
    EXPECT_EQ(report.lambda, report.curve[expected].lambda);
    EXPECT_GT(report.lambda, 0);
    // Its weights are in place, whatever was tried last.
    EXPECT_NEAR(*distance_from(base)(again).perplexity, *report.curve[expected].measured.perplexity, 1e-9);
}

TEST(RepairSearch, KeepsToBothBudgets) {
    const auto point = [](double lambda, double perplexity, double neighbours) {
        RepairPoint made;
        made.lambda = lambda;
        made.measured.perplexity = perplexity;
        made.measured.neighbours = neighbours;
        return made;
    };
    const RepairMeasured base = point(0, 10, 0.6).measured;
    const std::vector<RepairPoint> curve{point(0, 10.5, 0.4), point(0.1, 11.5, 0.5), point(1, 11, 0.55),
                                         point(10, 10.2, 0.58)};
    const auto chosen = [&](std::optional<double> perplexity, std::optional<double> utility) {
        RepairOptions options;
        options.perplexity_budget = perplexity;
        options.utility_budget = utility;
        return choose_point(base, curve, options);
    };
    EXPECT_EQ(chosen(0.1, std::nullopt), 0u);
    EXPECT_EQ(chosen(std::nullopt, 0.125), 1u);
    EXPECT_EQ(chosen(0.125, 0.125), 2u);
    EXPECT_EQ(chosen(0.05, 0.125), 3u);
    EXPECT_EQ(chosen(std::nullopt, std::nullopt), 3u);
    const std::string refused = error_of([&] { chosen(0.01, 0.01); });
    for (const char* part : {"up to 10", "lowest is 10.2000 with λ 10", "highest are 0.5800 with λ 10"})
        EXPECT_NE(refused.find(part), std::string::npos) << part << " in " << refused;
}

TEST(RepairSearch, MeasuresWhatWillBeSaved) {
    const testing::SharedFolder work(*testing::world);
    const model::Decoder base = loaded(nepenthe::testing::kStories);
    model::Decoder model = moved_model(nepenthe::testing::kStories);
    RepairInputs inputs = inputs_of(base, model);
    inputs.stored = [](const std::string&) { return at::kBFloat16; };
    RepairOptions options;
    options.lambdas = {1};
    repair(*testing::world, inputs, options, work.path(), "key");
    for (const MovedMaps& group : inputs.moved) {
        for (const model::LinearMap& map : group.maps) {
            const at::Tensor weight = model.parameter(map.name);
            EXPECT_TRUE(at::equal(weight.to(at::kBFloat16).to(at::kFloat), weight)) << map.name;
        }
    }
}

TEST(RepairSearch, GoesOnWhereItWasInterrupted) {
    const testing::SharedFolder cut(*testing::world), whole(*testing::world);
    const model::Decoder base = loaded(nepenthe::testing::kStories);
    RepairOptions options;
    options.lambdas = {0.1, 10};
    options.perplexity_budget = 0.05 * (*distance_from(base)(moved_model(nepenthe::testing::kStories)).perplexity - 10);
    int looks = 0;
    const auto run = [&](const std::filesystem::path& work, int fails_at) {
        model::Decoder model = moved_model(nepenthe::testing::kStories);
        RepairInputs inputs = inputs_of(base, model);
        looks = 0;
        inputs.measure = [&](const model::Decoder& decoder) {
            if (++looks == fails_at) fail(ErrorKind::kResume, "stopped");
            return distance_from(base)(decoder);
        };
        const RepairReport report = repair(*testing::world, inputs, options, work, "key");
        return std::pair(report.to_json().dump(), model.parameter(inputs.moved[0].maps[0].name).clone());
    };
    EXPECT_NE(error_of([&] { run(cut.path(), 3); }), "");
    const auto resumed = run(cut.path(), -1);
    EXPECT_EQ(looks, 2);
    const auto straight = run(whole.path(), -1);
    EXPECT_EQ(looks, 4);
    EXPECT_EQ(resumed.first, straight.first);
    EXPECT_TRUE(at::equal(resumed.second, straight.second));
}

TEST(RepairSearch, WrongOptionsAreNamedTogether) {
    RepairOptions options;
    options.lambdas = {-1, 2, std::numeric_limits<double>::infinity()};
    options.ridge = options.scale = 0;
    std::string all;
    for (const std::string& problem : options.validate()) all += problem + "\n";
    for (const char* part : {"λ -1", "λ inf", "which of 3", "ridge 0", "scale 0"})
        EXPECT_NE(all.find(part), std::string::npos) << part << " in " << all;
    options = {};
    options.perplexity_budget = options.utility_budget = -0.1;
    EXPECT_EQ(options.validate().size(), 2u);
    options.perplexity_budget = options.utility_budget = 0;
    EXPECT_TRUE(options.validate().empty());
}

TEST(MovedMaps, AreThoseThatDifferInTheOrderOfThePass) {
    const at::NoGradGuard no_grad;
    const model::Decoder base = loaded(nepenthe::testing::kStories);
    model::Decoder model = loaded(nepenthe::testing::kStories);
    EXPECT_TRUE(moved_maps(base, model).empty());
    for (const char* name :
         {"model.layers.1.mlp.down_proj.weight", "model.layers.1.self_attn.k_proj.weight",
          "model.layers.1.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight", "model.norm.weight"})
        model.parameter(name).add_(0.5);
    std::string found;
    for (const MovedMaps& group : moved_maps(base, model)) {
        found += group.name() + ":";
        for (const model::LinearMap& map : group.maps) found += " " + map.name;
        found += "\n";
    }
    EXPECT_EQ(found,
              "layer 0, input of up: model.layers.0.mlp.up_proj.weight\n"
              "layer 1, input of qkv: model.layers.1.self_attn.q_proj.weight "
              "model.layers.1.self_attn.k_proj.weight\n"
              "layer 1, input of down: model.layers.1.mlp.down_proj.weight\n");
    const auto single = [](const std::string&) { return at::kFloat; };
    const at::Tensor came = model.parameter("model.norm.weight").clone(), before = base.parameter("model.norm.weight");
    scale_others(base, model, 1, single);
    EXPECT_TRUE(at::equal(model.parameter("model.norm.weight"), came));
    scale_others(base, model, -2, single);
    EXPECT_TRUE(at::allclose(model.parameter("model.norm.weight"), before - 2 * (came - before), 1e-6));
    EXPECT_TRUE(at::equal(model.parameter("model.embed_tokens.weight"), base.parameter("model.embed_tokens.weight")));
    scale_others(base, model, 0, single);
    EXPECT_TRUE(at::equal(model.parameter("model.norm.weight"), before));
    EXPECT_EQ(moved_maps(base, model).size(), 3u);
}

TEST(MovedMaps, AModelThatWasNotMadeFromTheBaseIsRefused) {
    const std::string all = error_of([&] { check_made_from(loaded(nepenthe::testing::kStories), loaded(kConv1d)); });
    for (const char* part : {"is a llama", "has no tensor", "wte"})
        EXPECT_NE(all.find(part), std::string::npos) << part << " in " << all;
    EXPECT_NO_THROW(check_made_from(loaded(kConv1d), moved_model(kConv1d)));
}

// The digest that tests/mpi/one_digest_test.py compares over rank counts.
TEST(RepairSearch, PrintsItsDigest) {
    const char* const outputs = std::getenv("NEPENTHE_TEST_OUTPUTS");
    const testing::SharedFolder folder(*testing::world);
    const std::filesystem::path place = outputs ? std::filesystem::path(outputs) : folder.path();
    const model::Decoder base = loaded(nepenthe::testing::kStories);
    model::Decoder model = moved_model(nepenthe::testing::kStories);
    RepairInputs inputs = inputs_of(base, model);
    inputs.measure = distance_from(base);
    RepairOptions options;
    options.lambdas = {0.5};
    const RepairReport report = repair(*testing::world, inputs, options, place / ".work" / "repair", "key");
    Sha256 hash;
    hash.update(report.to_json().dump());
    for (const auto& [name, tensor] : model.parameters())
        hash.update({static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()});
    if (testing::world->is_root()) printf("digest %s\n", hash.hex().c_str());
}

}  // namespace
}  // namespace nepenthe::unlearn
