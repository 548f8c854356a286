// Translation caches of published processors, with where each figure stands.
#pragma once

#include <twofold/model/processor_shape.hpp>

#include <span>
#include <string_view>

namespace twofold::vmm {

struct ProcessorPreset {
    std::string_view name;
    std::string_view description;
    ProcessorShape shape;
    /// Lines: a parameter, and the document in which it stands.
    std::string_view sources;
    /// Lines: what no document says.
    std::string_view assumptions;
};

std::span<ProcessorPreset const> processor_presets();

/// Throws UsageError that lists them where there is none of that name.
ProcessorPreset const& processor_preset(std::string_view name);

} // namespace twofold::vmm
