#include "plot/draw.hpp"

#include "plot/gnuplot_script.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"
#include "system/file_descriptor.hpp"
#include "system/program_output.hpp"

#include <fmt/format.h>

#include <chrono>

namespace twofold::vmm {

namespace {

/// A chart of some hundred points takes a fraction of a second.
constexpr std::chrono::seconds longest{60};

ProgramOutput output_of_gnuplot(FileDescriptor const& script, FileDescriptor const& picture,
                                Signals const& signals) {
    try {
        return output_of({"gnuplot", script.path()}, signals, longest,
                         {script.get(), picture.get()});
    } catch (SystemFailure const& failure) {
        throw Failure{fmt::format("{}: charts are drawn by gnuplot; Debian's package is "
                                  "gnuplot-nox",
                                  failure.what())};
    }
}

} // namespace

void draw(std::span<Chart const> charts, std::filesystem::path const& file,
          Signals const& signals) {
    auto const picture = make_memory_file("chart.svg", std::string_view{});
    auto const script = make_memory_file("chart.gnuplot", gnuplot_script(charts, picture.path()));
    auto const output = output_of_gnuplot(script, picture, signals);
    if (output.exit_status != 0)
        throw Failure{fmt::format("gnuplot failed with {}: {}", output.exit_status, output.text)};
    std::string drawn;
    while (read_some(picture.get(), drawn)) {
    }
    write_file(file, std::string_view{drawn});
}

} // namespace twofold::vmm
