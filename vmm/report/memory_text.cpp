#include "report/memory_text.hpp"

#include <twofold/arch/page_size.hpp>

#include <fmt/format.h>

namespace twofold::vmm {

namespace {

std::vector<Cell> count_row(std::string name, std::uint64_t count, std::string remark) {
    return {{std::move(name)}, number_cell(grouped(count)), {std::move(remark)}};
}

std::string in_bytes(std::uint64_t pages) { return byte_size(pages * page_4k.bytes()); }

std::string policy_text(std::uint64_t percent) {
    if (percent == 0) return "over-commit: always";
    if (percent == 100) return "over-commit: never";
    return fmt::format("over-commit: {} % of frames and swap", percent);
}

void add_swap(Table& table, record::Swap const& swap) {
    table.add(count_row("swap disk", swap.pages,
                        fmt::format("pages, {}; {} in use at most", in_bytes(swap.pages),
                                    grouped(swap.used_most))));
    table.add(count_row("  written", swap.written, "pages"));
    table.add(count_row("  read", swap.read, "pages"));
    if (!swap.error.empty()) table.add({{"  failed"}, {}, {swap.error}});
}

} // namespace

void add_reclaim(Table& table, record::Reclaim const& reclaim) {
    table.add(count_row("swapped out", reclaim.swapped_out, "pages of 4 KiB"));
    table.add(count_row("swapped in", reclaim.swapped_in, "of them, at a violation"));
    table.add(count_row("given back", reclaim.released, "by the guest itself"));
}

std::string memory_text(record::Memory const& memory, Style const& style) {
    Table table;
    table.add(count_row("frames", memory.frames,
                        fmt::format("of 4 KiB, {}{}", in_bytes(memory.frames),
                                    memory.frames_limit != 0 ? ", by --frames-limit" : "")));
    table.add(count_row("  promised at most", memory.promised_most,
                        policy_text(memory.overcommit_percent)));
    table.add(count_row("  reclaimed", memory.reclaimed,
                        fmt::format("in {} goes, {} ticks", grouped(memory.reclaims),
                                    grouped(memory.reclaim_ticks))));
    if (memory.swap) add_swap(table, *memory.swap);
    return style.heading("all guests together") + '\n' + table.render(2);
}

} // namespace twofold::vmm
