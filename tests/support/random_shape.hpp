// Random translation caches, small enough to fill.
#pragma once

#include <twofold/model/processor_shape.hpp>

#include <cstdint>
#include <random>

namespace twofold::test {

inline Geometry any_geometry(std::mt19937_64& random) {
    return {1U << random() % 3, static_cast<std::uint32_t>(random() % 7)};
}
/// A page may be in several arrays, whole and in pieces.
inline TlbShape any_tlb(std::mt19937_64& random) {
    TlbShape shape{};
    for (auto& array : shape) {
        array = {any_geometry(random), random() % 2 == 0, random() % 2 == 0, random() % 2 == 0};
        array.data = random() % 3 != 0;
        array.instructions = !array.data || random() % 2 == 0;
    }
    return shape;
}
inline ProcessorShape any_shape(std::mt19937_64& random) {
    ProcessorShape shape{.first_level = any_tlb(random), .second_level = any_tlb(random)};
    for (auto* const structures : {&shape.structures, &shape.guest_physical.structures})
        for (auto& geometry : *structures)
            geometry = any_geometry(random);
    shape.guest_physical.nested_tlb = any_geometry(random);
    return shape;
}

} // namespace twofold::test
