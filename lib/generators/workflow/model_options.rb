# frozen_string_literal: true

module Workflow
  module Generators
    # The options of `rails generate model` that a model is made with where there is none: handed on as they are given.
    module ModelOptions
      STRINGS = { database: "The database of the model's table. By default, the first one", primary_key_type: "The type of its primary key",
        parent: "The class above the model" }.freeze
      FLAGS = { timestamps: "Whether its table has timestamps", indexes: "Whether references get an index", migration: "Whether its migration is made" }.freeze

      def self.included(generator)
        STRINGS.each { |name, what| generator.class_option(name, type: :string, desc: what, **(name == :database ? { aliases: %w[--db] } : {})) }
        FLAGS.each { |name, what| generator.class_option(name, type: :boolean, desc: what) }
      end

      private
        # @return [Array<String>] as they are written on the command line
        def model_options
          STRINGS.keys.filter_map { |name| "--#{name.to_s.dasherize}=#{options[name]}" if options[name] } +
            FLAGS.keys.filter_map { |name| "--#{"no-" unless options[name]}#{name}" unless options[name].nil? }
        end

        def tell_of_options
          return if behavior == :revoke || model_options.empty?
          say_status(:skip, "#{model_options.join(" ")}: #{class_name} is there already", :blue)
        end

        # @return [Boolean] whether Rails makes a migration for a model of these options
        def migrates? = !@old && !!defined?(::ActiveRecord) && options[:migration] != false && (options[:parent].nil? || !options[:database].nil?)
    end
  end
end
