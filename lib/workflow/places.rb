# frozen_string_literal: true

module Workflow
  # config/workflow.yml: where steps run, whatever the word in front of them says.
  #
  #   production:
  #     steps:
  #       Signup:
  #         create_account: later
  class Places
    CLASS = /\A[[:upper:]]\w*(::[[:upper:]]\w*)*\z/
    WORDS = { "now" => :now, "later" => :later }.freeze

    # @return [Places] none when there is no such file
    # @raise [DefinitionError] naming the file and what is wrong in it
    def self.read(file, environment)
      return new(file, {}) unless File.exist?(file)
      all = parse(file)
      raise DefinitionError, "#{file}: expected environments with steps: under them." unless all.is_a?(Hash)
      all = all.transform_keys(&:to_s)
      check_environments(all.keys, environment, file)
      new(file, all[environment] || {})
    end

    # Others may be there, as for what YAML merges into them; but not what was meant to be one that is not.
    def self.check_environments(names, environment, file)
      raise DefinitionError, "#{file}: steps must be under an environment: #{environment}: { steps: … }" if names.include?("steps")
      known = [ environment, *Dir[File.join(File.dirname(file), "environments", "*.rb")].map { |path| File.basename(path, ".rb") } ]
      (names - known).each do |name|
        meant = Suggestion.for(name, known - names)
        raise DefinitionError, "#{file}: there is no environment #{name}.#{meant}" unless meant.empty?
      end
    end
    private_class_method :check_environments

    # A process without such a file does without what reads it.
    def self.parse(file)
      require "yaml"
      require "erb"
      YAML.safe_load(text_of(file), aliases: true, permitted_classes: [ Symbol ], filename: file) || {}
    rescue Psych::Exception => error
      raise DefinitionError, "#{file} is not YAML: #{error.message}"
    end

    def self.text_of(file)
      ERB.new(File.read(file)).result
    rescue StandardError, ScriptError => error
      raise DefinitionError, "#{file}: its ERB raises #{error.class}: #{error.message}"
    end
    private_class_method :parse, :text_of

    def initialize(file, settings)
      @file = file
      @steps = read(settings)
    end

    # @param klass [Class] that includes Workflow
    # @return [Hash{Symbol=>Symbol}] step => :now or :later
    # @raise [DefinitionError] of a step that the class does not have, or that has no place
    def of(klass)
      klass.ancestors.reverse.select { |ancestor| @steps.key?(ancestor.name) }.map { |ancestor| given(ancestor, klass) }.reduce({}, :merge)
    end

    # Checks all classes named.
    # @raise [DefinitionError]
    def verify
      @steps.each_key do |name|
        klass = name.match?(CLASS) && Object.const_defined?(name) && Object.const_get(name)
        raise DefinitionError, "#{@file}: there is no class #{name}." unless klass
        raise DefinitionError, "#{@file}: #{name} does not include Workflow." unless klass.is_a?(Declaring)
        of(klass)
      end
    end

    private
      def read(settings)
        hash!(settings, "the environment").each_key { |key| known(key) }
        hash!(settings["steps"] || settings[:steps] || {}, "steps").to_h do |name, places|
          [ name.to_s, hash!(places, name).to_h { |step, place| [ step.to_s.to_sym, place(name, step, place) ] } ]
        end
      end

      def hash!(value, what)
        value.is_a?(Hash) ? value : raise(DefinitionError, "#{@file}: #{what} must be a mapping, not #{value.inspect}.")
      end

      def known(key)
        return if key.to_s == "steps"
        raise DefinitionError, "#{@file}: there is no setting #{key}.#{Suggestion.for(key, %w[steps])} There is steps."
      end

      def place(name, step, place)
        WORDS.fetch(place.to_s) do
          raise DefinitionError, "#{@file}: #{name}: #{step}: must be now or later, not #{place.inspect}." \
            "#{Suggestion.for(place, WORDS.keys)}"
        end
      end

      # What is said of a parent holds for the steps that a subclass still has.
      def given(ancestor, klass)
        places = @steps[ancestor.name]
        places.each_key { |step| check(ancestor.is_a?(Declaring) ? ancestor : klass, step) }
        places.select { |step,| Declarations.of(klass).with_step(step).any? { |definition| !definition.step(step).await? } }
      end

      def check(klass, name)
        definitions = Declarations.of(klass).workflows.values
        steps = definitions.filter_map { |definition| definition.step(name) }
        raise DefinitionError, "#{@file}: #{klass} has no step #{name}." \
          "#{Suggestion.for(name, definitions.flat_map { |definition| definition.steps.map(&:name) })}" if steps.empty?
        raise DefinitionError, "#{@file}: #{klass}: #{name} is awaited, it has no place." if steps.all?(&:await?)
      end
  end
end
