// How all guests together use memory: what the command takes, refuses, and shows of it.
#include "tests/catch.hpp"
#include "tests/support/fake_bochs.hpp"

namespace memory_options_test {

using namespace twofold::test;

namespace {

constexpr char const* memory_record =
    R"({"record":"memory","frames":1024,"frames_limit":4194304,"overcommit_percent":150,"promised_most":1500,"reclaimed":64,"reclaims":2,"reclaim_ticks":9000,"swap":{"pages":256,"used_most":60,"written":64,"read":32,"split":3,"error":"writing sector 8: the command was aborted"}}
)";

/// whole_report() with what the guest and all of them swapped.
std::string swapping_report() {
    std::string report = whole_report(0);
    report.insert(report.find(R"("frames":{)"),
                  R"("reclaim":{"swapped_out":64,"swapped_in":32,"released":7},)");
    report.insert(report.find(R"({"record":"end")"), memory_record);
    report.insert(report.find(R"({"record":"guest_start")"),
                  R"({"record":"swap_disk","sectors":2016,"pages_proven":2})"
                  "\n");
    return report;
}

bool has(std::string const& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("options of memory that make no sense are refused before anything starts") {
    FakeBochs const bochs{"", whole_report(0)};
    struct Case {
        std::vector<std::string> options;
        char const* complaint;
    };
    for (auto const& [options, complaint] : {
             Case{{"--swap", "1000"}, "--swap: 1000 bytes are not a multiple of 4096 above 0"},
             Case{{"--swap", "0"}, "--swap: 0 bytes are not a multiple of 4096 above 0"},
             Case{{"--swap", "65G"}, "--swap: at most 64G"},
             Case{{"--frames-limit", "many"}, "--frames-limit: 'many' is not a size"},
             Case{{"--overcommit", "maybe"},
                  "--overcommit: there is no 'maybe'; there are always, "
                  "never and ratio"},
             Case{{"--overcommit-ratio", "90"}, "--overcommit-ratio: it needs --overcommit ratio"},
             Case{{"--audit", "--engine", "kvm"}, "--audit needs --engine bochs or qemu"},
             Case{{"--merge", "all", "--engine", "kvm"},
                  "--merge all needs --engine bochs or qemu"},
             Case{{"--promote", "--engine", "kvm"}, "--promote needs --engine bochs or qemu"},
             Case{{"--nx-huge-pages", "--engine", "kvm"},
                  "--nx-huge-pages needs --engine bochs or qemu"},
             Case{{"--working-set", "5", "--engine", "kvm"},
                  "--working-set needs --engine bochs or qemu"},
             Case{{"--dirty-log", "all"},
                  "--dirty-log: there is no 'all'; there are write-protection, dirty-bits and pml"},
             Case{{"--dirty-log", "pml", "--ept-ad", "off"},
                  "--dirty-log: pml needs EPT dirty bits"},
             Case{{"--dirty-log-every", "5"}, "--dirty-log-every: it needs --dirty-log"},
             Case{{"--dirty-log-every", "5", "--engine", "kvm"},
                  "--dirty-log-every: it needs --dirty-log"},
             Case{{"--dirty-log", "pml", "--native"}, "excludes --"},
             Case{{"--working-set", "0"}, "--working-set: Value 0 not in range"},
             Case{{"--merge", "some"},
                  "--merge: there is no 'some'; there are none, offered and all"},
             Case{{"--promote", "--native"}, "--native excludes --promote"},
         }) {
        std::vector<std::string> words{"run", "g"};
        words.insert(words.end(), options.begin(), options.end());
        auto const result = bochs.run(words);
        INFO(result.err);
        CHECK(result.status == 2);
        CHECK(has(result.err, complaint));
    }
}

TEST_CASE("the machine has a second disk where swapping is wanted, and its file has no name") {
    FakeBochs const bochs{
        "", whole_report(0),
        "disk=`sed -n 's/^ata0-slave:.*path=\\([^,]*\\),.*/\\1/p' $configuration`\n"
        "stat -L -c 'bytes %s, links %h, blocks %b' $disk > $here/disk"};
    REQUIRE(bochs.run({"run", "g", "--swap", "1M"}).status == 0);
    // Whole cylinders of 16 heads and 63 sectors.
    CHECK(contents_of(bochs.path() / "disk") ==
          "bytes " + std::to_string(3 * 16 * 63 * 512) + ", links 0, blocks 0\n");
}

TEST_CASE("what was swapped, given back, promised and reclaimed is shown, and is in the JSON") {
    FakeBochs const bochs{"", swapping_report()};
    auto const text = bochs.run({"run", "g"}).err;
    for (auto const* const part :
         {"swapped out", "given back", "over-commit: 150 % of frames and swap",
          "4 MiB, by --frames-limit", "3  large pages, to swap them",
          "2  written and read back at the start; the disk has 2,016 sectors",
          "256  pages, 1 MiB; 60 in use at most", "writing sector 8: the command was aborted"}) {
        INFO(text);
        CHECK(has(text, part));
    }
    auto const json = bochs.run({"run", "g", "--json", "-"}).out;
    for (auto const* const part :
         {R"("swapped_out": 64)", R"("promised_most": 1500)", R"("used_most": 60)", R"("split": 3)",
          R"("pages_proven": 2)", R"("sectors": 2016)"}) {
        INFO(json);
        CHECK(has(json, part));
    }
    // And nothing of it where the launch said nothing.
    auto const plain = FakeBochs{"", whole_report(0)}.run({"run", "g"}).err;
    CHECK_FALSE(has(plain, "all guests together"));
}

TEST_CASE("what was merged and promoted, and what guests accessed, is shown, and is in the JSON") {
    std::string report = whole_report(0);
    auto const before = [&](char const* what, std::string const& line) {
        report.insert(report.find(what), line);
    };
    before(R"("frames":{)",
           R"("upkeep":{"merged":40,"copied":7,"taken_over":5,"promoted":2,"split":1},)");
    before(R"({"record":"guest_stop")",
           R"({"record":"working_set","guest":0,"pages":313,"shared_pages":4}
{"record":"working_set","guest":0,"pages":12,"shared_pages":0}
{"record":"merge","guest":0,"gpa":"0x8000","pages":48,"hashed":48,"merged":32,"zeroed":8,"frames":{"before":90,"after":50}}
)");
    before(
        R"({"record":"end")",
        R"({"record":"memory","frames":1024,"frames_limit":0,"overcommit_percent":0,"promised_most":1500,"reclaimed":0,"reclaims":0,"reclaim_ticks":0,"merge":{"passes":3,"hashed":96,"merged":33,"zeroed":9,"ticks":7000},"promote":{"passes":1,"looked":11,"promoted":2,"moved":1,"ticks":8000}}
)");
    FakeBochs const bochs{"", report};
    auto const text = bochs.run({"run", "g"}).err;
    for (auto const* const part :
         {"pages of 4 KiB, at the last of 2 looks; 313 at most",
          "40  pages of 4 KiB, by their contents", "7  of shared pages, at a write",
          "5  of them, by the last sharer", "2  large pages, of 512 small ones", "1  the other way",
          "42  9 of them zeros; 96 looked at, 3 times all of memory, 7,000 ticks",
          "1 of them of pages that lay apart; 11 tables looked at, 8,000 ticks"}) {
        INFO(text);
        INFO(part);
        CHECK(has(text, part));
    }
    auto const json = bochs.run({"run", "g", "--json", "-"}).out;
    for (auto const* const part : {R"("gpa": "0x8000")", R"("before": 90)", R"("taken_over": 5)",
                                   R"("pages": 313)", R"("looked": 11)", R"("hashed": 96)"}) {
        INFO(json);
        INFO(part);
        CHECK(has(json, part));
    }
}

TEST_CASE(
    "what a dirty log has found is shown, with its intervals where there are several, and is in "
    "the JSON") {
    auto const run = [](char const* means, int intervals, int told, bool json) {
        std::string report = whole_report(0);
        std::string lines;
        for (int at = 0; at < intervals; ++at)
            lines += R"({"record":"dirty_pages","guest":0,"interval":)" + std::to_string(at) +
                     R"(,"pages":17,"digest":"0xabc","ticks_run":5000,"ticks":321})"
                     "\n";
        lines += R"({"record":"dirty_log","guest":0,"means":")" + std::string{means} +
                 R"(","intervals":)" + std::to_string(told) +
                 R"(,"pages":29,"digest":"0xdef","exits":6,"ticks":900})"
                 "\n";
        report.insert(report.find(R"({"record":"guest_stop")"), lines);
        FakeBochs const bochs{"", report};
        if (json) return bochs.run({"run", "g", "--json", "-"}).out;
        return bochs.run({"run", "g"}).err;
    };
    struct Shown {
        char const* means;
        char const* cost;
    };
    for (auto const& [means, cost] :
         {Shown{"write_protection", "900  ticks, and 6 violations"},
          Shown{"dirty_bits", "900  ticks, and no exit"},
          Shown{"page_modification_log", "900  ticks, 6 exits for a full log among them"}}) {
        auto const text = run(means, 1, 1, false);
        INFO(text);
        CHECK(has(text, "of 4 KiB, by " + std::string{means} + "; digest 0xdef"));
        CHECK(has(text, cost));
        CHECK_FALSE(has(text, "interval"));
    }
    auto const several = run("dirty_bits", 2, 2, false);
    INFO(several);
    CHECK(has(several, "interval 1"));
    CHECK(has(several, "17  up to 5,000 ticks; collected by 321; digest 0xabc"));
    auto const json = run("dirty_bits", 2, 2, true);
    INFO(json);
    for (auto const* const part : {R"("means": "dirty_bits")", R"("digest": "0xdef")",
                                   R"("interval": 1)", R"("ticks_run": 5000)", R"("exits": 6)"})
        CHECK(has(json, part));
    auto const lost = run("dirty_bits", 1, 2, false);
    INFO(lost);
    CHECK(has(lost, "of other intervals than were reported"));
}

} // namespace memory_options_test
