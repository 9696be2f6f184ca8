#include "edit/edit_unit.h"

#include "base/error.h"

#include <map>

namespace nepenthe::edit {

namespace {

constexpr std::size_t kListed = 20;

std::string ids_of(const std::vector<Fact>& facts, const std::vector<std::size_t>& group) {
    std::string text;
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (i == kListed) return text + fmt::format(" and {} more", group.size() - i);
        text += (i == 0 ? "" : ", ") + facts[group[i]].id;
    }
    return text;
}

void list_groups(const std::vector<Fact>& facts, const std::vector<std::vector<std::size_t>>& groups,
                 const std::string& what, Problems& problems) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (i == kListed) {
            problems.add("… and {} more groups of {}", groups.size() - i, what);
            return;
        }
        problems.add("facts {} {} (subject \"{}\")", ids_of(facts, groups[i]), what, facts[groups[i][0]].subject);
    }
}

std::vector<EditUnit> one_each(std::size_t count) {
    std::vector<EditUnit> units(count);
    for (std::size_t i = 0; i < count; ++i) units[i].facts = {i};
    return units;
}

void refuse(const std::vector<Fact>& facts, const FactConflicts& conflicts, const EditOptions& options,
            std::vector<std::string>& warnings) {
    Problems problems;
    if (options.mode == Mode::kSequential && options.shared_subjects != SharedSubjects::kMerge) {
        for (const auto& group : conflicts.contradictions) {
            warnings.push_back(fmt::format("facts {} contradict each other: the last one stays", ids_of(facts, group)));
        }
    } else {
        list_groups(facts, conflicts.contradictions, "want other targets for the same prompt", problems);
    }
    if (options.shared_subjects == SharedSubjects::kRefuse) {
        list_groups(facts, conflicts.shared_subjects, "share a subject and with it their key", problems);
        if (!conflicts.shared_subjects.empty()) {
            problems.add(
                "one key carries one value: --shared-subjects merge (or --method memit-merged) takes one value for all "
                "prompts "
                "of a subject, --shared-subjects keep lets the solve average them");
        }
    }
    problems.throw_if_any(ErrorKind::kData, "facts that cannot be written together");
}

}  // namespace

std::vector<EditUnit> make_units(const std::vector<Fact>& facts, const EditOptions& options,
                                 std::vector<std::string>& warnings) {
    if (options.mode == Mode::kOneAtATime) return one_each(facts.size());
    EditOptions effective = options;
    if (options.method == Method::kMemitMerged) effective.shared_subjects = SharedSubjects::kMerge;
    const FactConflicts conflicts = find_conflicts(facts);
    refuse(facts, conflicts, effective, warnings);

    // Which fact each one follows: itself, the fact that it repeats, or the first of its subject.
    std::vector<std::size_t> leader(facts.size());
    std::vector<bool> repeats(facts.size());
    for (std::size_t i = 0; i < facts.size(); ++i) leader[i] = i;
    for (const auto& group : conflicts.duplicates) {
        for (std::size_t i = 1; i < group.size(); ++i) {
            leader[group[i]] = group[0];
            repeats[group[i]] = true;
        }
        warnings.push_back(fmt::format("facts {} are the same: written once", ids_of(facts, group)));
    }
    if (effective.shared_subjects == SharedSubjects::kMerge) {
        for (const auto& group : conflicts.shared_subjects) {
            for (const std::size_t fact : group) leader[fact] = group[0];
            warnings.push_back(fmt::format("facts {} share the subject \"{}\": one value for all of them",
                                           ids_of(facts, group), facts[group[0]].subject));
        }
    } else if (!conflicts.shared_subjects.empty()) {
        warnings.push_back(fmt::format(
            "{} subjects are shared by several facts: their keys collide and {}", conflicts.shared_subjects.size(),
            options.mode == Mode::kSequential && is_rank_one(options.method) ? "the last one stays"
                                                                             : "their values are averaged"));
    }
    std::vector<EditUnit> units;
    std::map<std::size_t, std::size_t> unit_of;
    for (std::size_t i = 0; i < facts.size(); ++i) {
        // A duplicate's leader may itself follow the first of its subject.
        const std::size_t first = leader[leader[i]];
        const auto [place, fresh] = unit_of.emplace(first, units.size());
        if (fresh) units.emplace_back();
        (repeats[i] ? units[place->second].duplicates : units[place->second].facts).push_back(i);
    }
    return units;
}

}  // namespace nepenthe::edit
