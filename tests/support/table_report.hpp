// The report that an engine writes of a guest's tables, made from tables in a test's memory.
#pragma once

#include "report/run_report.hpp"

#include <twofold/abi/table_records.hpp>

#include <string>
#include <vector>

namespace twofold::test {

struct ReportLine {
    std::string& text;
    void operator()(std::string_view piece) { text += piece; }
};

/// The lines of the records paging, table and tables_end.
template <PagingFormat Guest, PagingFormat Ept, class HostMemory>
std::vector<std::string> table_lines(Guest const& guest, typename Guest::Root const& root,
                                     SecondDimension<Ept, HostMemory> const& ept) {
    std::vector<std::string> lines;
    abi::record_tables(0, guest, root, ept, [&](auto&& write) {
        ReportLine sink{lines.emplace_back()};
        abi::JsonLine line{sink};
        write(line);
    });
    return lines;
}

/// A report of one guest that left these tables.
inline vmm::RunReport report_of(std::vector<std::string> const& lines) {
    vmm::RunReport report;
    report.add_line(R"({"record":"guest_start","guest":0,"name":"made","memory_bytes":67108864,)"
                    R"("guest_page":"0x1000","host_page":"0x1000","populate":"lazy",)"
                    R"("native":false,"ticks_to_entry":1})");
    for (auto const& line : lines)
        report.add_line(line);
    return report;
}

} // namespace twofold::test
