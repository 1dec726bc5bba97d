# frozen_string_literal: true

# The tables "What happens if …" and "What holds, and where" of README.md: each row is proved by examples that are there. A proof is written
# [spec/file.rb](spec/file.rb) "the name of an example, or how it begins"; of a C test with the name of its TEST.
RSpec.describe "README.md" do
  root = File.expand_path("../..", __dir__)
  headings = { "What happens if" => 3, "What holds, and where" => 4 } # how many columns the table has
  proof = %r{\[([^\]]+)\]\(([^)]+)\)((?:[, ]*"[^"]+")*)}
  readme = File.read(ENV.fetch("README", File.join(root, "README.md")))
  tables = headings.to_h do |heading, _|
    section = readme[/^#+ #{heading}.*?\n(.*?)(?=^#|\z)/m, 1].to_s
    rows = section.lines.chunk_while { |line, next_one| line.start_with?("|") && next_one.start_with?("|") }
      .flat_map { |table| table.grep(/^\|/).drop(2) }.map { |line| line.delete_prefix("|").chomp.chomp("|").split("|").map(&:strip) }
    [ heading, rows ]
  end

  # What can be named: of Ruby its examples and groups, of C its tests.
  def names_in(path)
    text = File.read(path)
    path.end_with?(".c") ? text.scan(/^TEST\((\w+)\)/).flatten : text.scan(/^\s*(?:it|context|describe|RSpec\.describe) "((?:[^"\\]|\\.)*)"/).flatten
  end

  headings.each do |heading, columns|
    it "has a table under \"#{heading}\"" do
      rows = tables[heading]
      expect(rows.size).to be >= 15, "README.md has no table under a heading \"#{heading} …\" (#{rows.size} rows)"
      expect(rows.map(&:size).uniq).to eq [ columns ]
      # A row that begins with … goes on from the one above it.
      whole = rows.map(&:first).reject { |happens| happens.start_with?("…") }
      expect(whole.uniq).to eq whole
    end
  end

  tables.values.flatten(1).each do |happens, *sees, proved|
    it "proves: #{happens}" do
      expect(sees).to all(match(/\S/))
      proofs = proved.to_s.scan(proof)
      expect(proofs).not_to be_empty
      proofs.each do |label, path, quoted|
        expect(label).to eq path
        expect(path).to start_with("spec/")
        expect(File).to exist(File.join(root, path))
        wanted = quoted.scan(/"([^"]+)"/).flatten
        expect(wanted).not_to be_empty, "#{path}: which example?"
        names = names_in(File.join(root, path))
        missing = wanted.reject { |name| names.any? { |known| known.start_with?(name.delete_suffix("…").strip) } }
        expect(missing).to be_empty, "#{path} has no example #{missing.join(", ")}"
      end
    end
  end
end
