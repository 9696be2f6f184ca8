#include "train/gradient_pair.h"

#include "base/error.h"
#include "base/tree_sum.h"
#include "train/exact_dot.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <span>

namespace nepenthe::train {

namespace {

std::span<const float> part_of(const at::Tensor& shard, const FlatRange& range) {
    return {shard.const_data_ptr<float>() + range.shard_begin, static_cast<std::size_t>(range.numel)};
}

// Coefficients of g_f and g_r in the step.
struct Mix {
    double forget = 1, retain = 1;
};

Mix mix_of(const PairOptions& options, const PairProducts& products) {
    switch (options.rule) {
        case PairRule::kSum: return {1, 1};
        case PairRule::kGru: {
            const bool at_odds = products.both < 0 && products.retain > 0;
            return {1, options.retain - (at_odds ? products.both / products.retain : 0.0)};
        }
        case PairRule::kBlur: return {products.forget > 0 ? options.forget - products.both / products.forget : 0.0, 1};
    }
    fail(ErrorKind::kInternal, "unknown rule of gradients");
}

}  // namespace

std::string_view pair_name(PairRule rule) {
    return rule == PairRule::kSum ? "sum" : rule == PairRule::kGru ? "gru" : "blur";
}

PairRule parse_pair(std::string_view name) {
    for (const PairRule rule : {PairRule::kSum, PairRule::kGru, PairRule::kBlur}) {
        if (pair_name(rule) == name) return rule;
    }
    fail(ErrorKind::kUsage, "gradients combined by \"{}\"; there are sum, gru, blur", name);
}

double PairProducts::cosine() const { return forget > 0 && retain > 0 ? both / std::sqrt(forget * retain) : 0.0; }

std::vector<ParameterConflict> pair_products(const dist::Comm& comm, const FlatLayout& layout, const at::Tensor& forget,
                                             const at::Tensor& retain) {
    NEPENTHE_CHECK(forget.is_cpu() && retain.is_cpu() && forget.numel() == retain.numel());
    constexpr std::size_t kDigits = std::tuple_size_v<decltype(ExactSum::digits)>;
    std::vector<std::int64_t> digits(layout.parameters.size() * 3 * kDigits, 0);
    for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
        for (const FlatRange& range : owned_ranges(layout, bucket, comm.rank())) {
            const auto f = part_of(forget, range), r = part_of(retain, range);
            std::size_t place = range.parameter * 3 * kDigits;
            for (const ExactSum& sum : {exact_dot(f, f), exact_dot(r, r), exact_dot(f, r)}) {
                for (const std::int64_t digit : sum.digits) digits[place++] += digit;
            }
        }
    }
    comm.all_reduce_sum(std::span<std::int64_t>(digits));
    std::vector<ParameterConflict> out;
    auto from = digits.begin();
    const auto next = [&] {
        ExactSum sum;
        std::copy_n(from, kDigits, sum.digits.begin());
        from += static_cast<std::ptrdiff_t>(kDigits);
        return sum.value();
    };
    for (const FlatParameter& parameter : layout.parameters) {
        const double of_forget = next(), of_retain = next(), both = next();
        out.push_back({parameter.name, {of_forget, of_retain, both}});
    }
    return out;
}

PairProducts sum_of(const std::vector<ParameterConflict>& products) {
    std::vector<double> forget, retain, both;
    for (const ParameterConflict& one : products) {
        forget.push_back(one.products.forget);
        retain.push_back(one.products.retain);
        both.push_back(one.products.both);
    }
    return {tree_sum(forget), tree_sum(retain), tree_sum(both)};
}

double combine_pair(const PairOptions& options, const PairProducts& products, at::Tensor& forget,
                    const at::Tensor& retain) {
    const Mix mix = mix_of(options, products);
    forget.mul_(mix.forget).add_(retain, mix.retain);
    const double squares = mix.forget * mix.forget * products.forget + mix.retain * mix.retain * products.retain +
                           2 * mix.forget * mix.retain * products.both;
    return std::sqrt(std::max(squares, 0.0));
}

}  // namespace nepenthe::train
