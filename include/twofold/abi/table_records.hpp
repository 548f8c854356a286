// The records of a guest's page tables, of both dimensions (abi/report.hpp: paging, table,
// tables_end). The hypervisor writes them, and the command does for guests under KVM.
#pragma once

#include <twofold/abi/json_line.hpp>
#include <twofold/abi/walk_record.hpp>
#include <twofold/paging/nested_walk.hpp>
#include <twofold/paging/visit_tables.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold::abi {

/// Of one dimension. What a guest calls its tables can lead back to itself, so that there is no
/// other end to them.
inline constexpr std::uint32_t most_reported_tables = 1U << 16;
inline constexpr std::uint32_t most_reported_runs = 1U << 18;

namespace detail {

inline constexpr std::size_t words_of_a_table = 512;
using TableWords = std::array<std::uint64_t, words_of_a_table>;

/// Words that follow each other by equal steps, none of them 0.
struct TableRun {
    std::uint32_t index;
    std::uint32_t count;
    std::uint64_t first;
    std::uint64_t step;
};

/// The run that begins at `index`, where a word is that is not 0.
constexpr TableRun run_at(TableWords const& words, std::uint32_t index) {
    TableRun run{index, 1, words[index], 0};
    if (index + 1 < words.size()) run.step = words[index + 1] - words[index];
    auto const fits = [&](std::uint32_t next) {
        return next < words.size() && words[next] != 0 && words[next] - words[next - 1] == run.step;
    };
    while (fits(index + run.count))
        ++run.count;
    if (run.count == 1) run.step = 0;
    return run;
}

/// Writes the words of one table; returns how many runs they are.
template <class Line>
constexpr std::uint32_t put_words(Line& line, TableWords const& words) {
    std::uint32_t runs = 0;
    auto list = line.array("words");
    for (std::uint32_t index = 0; index < words.size();) {
        if (words[index] == 0) {
            ++index;
            continue;
        }
        TableRun const run = run_at(words, index);
        list.array()(run.index)(run.count)(hex(run.first))(hex(run.step));
        index += run.count;
        ++runs;
    }
    return runs;
}

/// Writes one record for each table that visit_tables() finds. `locate(address)`: where a table is
/// in host memory, if it is there.
template <class HostMemory, class Locate, class Emit>
class TableRecorder {
  public:
    TableRecorder(std::uint64_t guest, Dimension dimension, HostMemory& memory, Locate locate,
                  Emit& emit)
        : guest_(guest), dimension_(dimension), memory_(memory), locate_(locate), emit_(emit) {}

    bool table(unsigned level, auto table, auto) {
        auto const hpa = locate_(table);
        if (!hpa) return false;
        cut_ = cut_ || tables_ == most_reported_tables || runs_ >= most_reported_runs;
        if (cut_) return false;
        ++tables_;
        TableWords words;
        for (std::size_t at = 0; at < words.size(); ++at)
            words[at] = memory_.template read<std::uint64_t>(*hpa + at * 8).value_or(0);
        emit_([&](auto& line) {
            bool const of_guest = dimension_ == Dimension::guest;
            line("record", "table")("guest", guest_)("dimension", name_of(dimension_))(
                "level", std::uint32_t{level})("address", hex(*hpa));
            if (of_guest) line("gpa", hex(table));
            runs_ += put_words(line, words);
        });
        return true;
    }
    void leaf(unsigned, auto, auto) {}

    [[nodiscard]] bool cut() const { return cut_; }

  private:
    std::uint64_t guest_;
    Dimension dimension_;
    HostMemory& memory_;
    Locate locate_;
    Emit& emit_;
    std::uint32_t tables_ = 0;
    std::uint32_t runs_ = 0;
    bool cut_ = false;
};

template <class Line, PagingFormat Guest>
constexpr void put_guest_format(Line& line, Guest const& format, typename Guest::Root const& root) {
    line("mode", paging_mode_name(Guest::mode));
    if constexpr (Guest::mode == PagingMode::pae) {
        auto list = line.array("pdptes");
        for (std::uint64_t const pdpte : root)
            list(hex(pdpte));
    } else {
        line("root", hex(root));
    }
    if constexpr (requires { format.execute_disable; })
        line("execute_disable", format.execute_disable)("physical_bits",
                                                        std::uint32_t{format.physical_bits});
    if constexpr (requires { format.page_size_extension; })
        line("page_size_extension", format.page_size_extension);
}

} // namespace detail

/// Writes the guest's paging as its control registers choose it, all tables of the second dimension
/// and all of the guest's that lie in its memory, each as often as it is reached.
/// `emit(write)` calls `write(line)` with a new line.
template <PagingFormat Guest, PagingFormat Ept, class HostMemory, class Emit>
void record_tables(std::uint64_t number, Guest const& guest, typename Guest::Root const& root,
                   SecondDimension<Ept, HostMemory> const& ept, Emit&& emit) {
    emit([&](auto& line) {
        line("record", "paging")("guest", number);
        detail::put_guest_format(line, guest, root);
        line("ept_root", hex(ept.root))("ept_levels", std::uint32_t{Ept::levels});
    });
    detail::TableRecorder second{number, Dimension::ept, ept.memory,
                                 [](Hpa table) { return std::optional{table}; }, emit};
    visit_tables(ept.format, ept.root, ept.memory, second);

    auto const ignore = [](Reference const&) {};
    NestedMemory memory{ept, ignore};
    detail::TableRecorder first{number, Dimension::guest, ept.memory,
                                [&](Gpa table) -> std::optional<Hpa> {
                                    auto const found = memory.translate(table);
                                    if (!found) return std::nullopt;
                                    return found->address;
                                },
                                emit};
    visit_tables(guest, root, memory, first);
    emit([&](auto& line) {
        line("record", "tables_end")("guest", number)("cut", first.cut() || second.cut());
    });
}

} // namespace twofold::abi
