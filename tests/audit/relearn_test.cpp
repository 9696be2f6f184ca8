// The curve of a model that is trained further: measured where it was asked to, and after a stop as without one.

#include "audit/relearn.h"

#include "evaluate/metric.h"
#include "io/file.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "train/sequence_objective.h"
#include "train/tiny_decoder.h"

#include <gtest/gtest.h>

namespace nepenthe::audit {
namespace {

// Stands for an evaluation: a figure that every weight moves.
std::vector<evaluate::TaskResult> sum_of_weights(const model::Decoder& decoder) {
    const double sum = testing::all_weights(decoder).to(at::kDouble).abs().sum().item<double>();
    return {evaluate::make_result("familiarity_probability", {"content_mass"}, {{{"id", 0}, {"content_mass", sum}}})};
}

// Trains the same model from the same start; stops after step `last`, if any.
Steps curve(const std::filesystem::path& folder, std::int64_t last) {
    const dist::Comm& world = *testing::world;
    auto decoder = model::Decoder::create(testing::tiny_config(), 3, model::Compute::kFloat32, at::kCPU);
    const auto collectives = dist::make_mpi_collectives(world);
    train::SampleObjective objective(20, testing::tiny_sample);
    train::TrainOptions options;
    options.lr = 1e-3;
    options.schedule = train::ScheduleKind::kConstant;
    options.global_batch = 4;
    options.micro_batch = 2;
    options.max_steps = 6;
    options.deterministic = true;
    options.checkpoint_steps = 2;
    options.checkpoint_minutes = 0;
    const auto data = folder / "data";
    if (world.is_root()) std::filesystem::create_directories(data);
    world.barrier("folder");
    relearn(world, *collectives, decoder, objective, options, {2, 5, 6}, sum_of_weights, data, folder / "checkpoints",
            [&](const train::StepReport& step) { return step.step != last; });
    world.barrier("curve");
    return read_points(data);
}

double value_of(const Steps& points, std::int64_t step) { return points.at(step).front().metrics.front().value; }

TEST(Relearn, IsMeasuredBeforeAndAfterTheStepsThatWereAsked) {
    const testing::SharedFolder folder(*testing::world);
    const Steps points = curve(folder.path(), 0);
    ASSERT_EQ(points.size(), 4u);
    for (const std::int64_t step : {0, 2, 5, 6}) EXPECT_EQ(points.count(step), 1u) << step;
    EXPECT_NE(value_of(points, 0), value_of(points, 2));
    EXPECT_NE(value_of(points, 5), value_of(points, 6));
    const Json point = parse_json(io::read_file(point_path(folder.path() / "data", 5)), "point");
    EXPECT_TRUE(point["loss"].is_number());
}

TEST(Relearn, GoesOnWhereItWasCutOff) {
    const testing::SharedFolder whole(*testing::world), cut(*testing::world);
    const Steps expected = curve(whole.path(), 0);
    EXPECT_EQ(curve(cut.path(), 3).size(), 2u);
    const Steps points = curve(cut.path(), 0);
    ASSERT_EQ(points.size(), expected.size());
    for (const auto& [step, results] : expected) EXPECT_EQ(value_of(points, step), value_of(expected, step)) << step;
}

}  // namespace
}  // namespace nepenthe::audit
